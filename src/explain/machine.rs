//! The state machines of both ends, as the segments and frames that were captured move them.
//!
//! ```text
//! TCP        CLOSED → SYN-SENT → ESTABLISHED → FIN-WAIT-1 → FIN-WAIT-2 → TIME-WAIT      RFC 9293 section 3.3.2
//!            LISTEN → SYN-RECEIVED → ESTABLISHED → CLOSE-WAIT → LAST-ACK → CLOSED
//! WebSocket  CONNECTING → OPEN → CLOSING → CLOSED                                      RFC 6455 section 4, 7
//! ```

use crate::model::{Dir, Flags, Segment};

/// A state of TCP.   RFC 9293 section 3.3.2
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TcpState {
    /// The capture began later: which state it is in is not known.
    Unknown,
    /// No connection.
    Closed,
    /// Waits for a SYN.
    Listen,
    /// Has sent a SYN.
    SynSent,
    /// Has got a SYN and answered it.
    SynReceived,
    /// Data may flow.
    Established,
    /// Has sent FIN.
    FinWait1,
    /// Its FIN is acknowledged.
    FinWait2,
    /// Has got FIN, and may still send.
    CloseWait,
    /// Both have sent FIN, neither has been acknowledged.
    Closing,
    /// Has got FIN, and has sent its own.
    LastAck,
    /// Waits until no old segment can be on its way any more.
    TimeWait,
}

impl TcpState {
    /// Its name in the RFC.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "?",
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
        }
    }
}

/// A state of WebSocket, as an API reports it.   RFC 6455 sections 4.1, 7.1.3, 7.1.4
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum WsState {
    /// There is no session, or its beginning was not captured.
    #[default]
    None,
    /// The upgrade is asked for.
    Connecting,
    /// Messages may flow.
    Open,
    /// A close frame was sent or has come.
    Closing,
    /// TCP is closed.
    Closed,
}

impl WsState {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "-",
            Self::Connecting => "CONNECTING",
            Self::Open => "OPEN",
            Self::Closing => "CLOSING",
            Self::Closed => "CLOSED",
        }
    }
}

/// Both ends of a TCP connection, the client first.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Their states.
    pub states: [TcpState; 2],
    /// The sequence number behind each side's FIN, where one was seen.
    fin: [Option<u32>; 2],
    /// The FIN of this side lies behind bytes that have not come: its peer has not got it.
    early: [bool; 2],
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            states: [TcpState::Unknown; 2],
            fin: [None; 2],
            early: [false; 2],
        }
    }
}

impl Machine {
    /// A segment goes by. `next` is the number that its receiver expects next, where that is known: a FIN
    /// above it waits for the bytes before it.
    pub fn segment(&mut self, dir: Dir, segment: &Segment<'_>, next: Option<u32>) {
        use TcpState as S;
        let flags = segment.flags;
        if flags.rst() {
            self.states = [S::Closed; 2];
            return;
        }
        if flags.syn() {
            return self.syn(dir, flags);
        }
        if flags.ack() {
            self.ack(dir, segment.ack);
        }
        if !segment.is_empty() && !flags.fin() {
            // Whoever sends data has an open connection, if nothing else is known.
            for state in &mut self.states {
                if *state == S::Unknown {
                    *state = S::Established;
                }
            }
        }
        if flags.fin() {
            self.fin(dir, segment, next);
        }
    }

    /// Before the first SYN nobody has a connection, and the other side waits for one.
    pub fn begin(&mut self, dir: Dir, segment: &Segment<'_>) {
        let flags = segment.flags;
        if flags.syn() && !flags.ack() && self.states == [TcpState::Unknown; 2] {
            *dir.of_mut(&mut self.states) = TcpState::Closed;
            *dir.flip().of_mut(&mut self.states) = TcpState::Listen;
        }
    }

    /// Client and server were taken for each other.
    pub fn turn(&mut self) {
        self.states.reverse();
        self.fin.reverse();
        self.early.reverse();
    }

    fn syn(&mut self, dir: Dir, flags: Flags) {
        use TcpState as S;
        let [before, other] = [*dir.of(&self.states), *dir.flip().of(&self.states)];
        if flags.ack() {
            if !matches!(before, S::Established | S::SynReceived) {
                *dir.of_mut(&mut self.states) = S::SynReceived;
            }
            if matches!(other, S::Unknown | S::SynSent) {
                *dir.flip().of_mut(&mut self.states) = S::Established;
            }
        } else {
            self.fin = [None; 2];
            self.early = [false; 2];
            *dir.of_mut(&mut self.states) = S::SynSent;
            *dir.flip().of_mut(&mut self.states) = S::SynReceived;
        }
    }

    /// What this side acknowledges moves it, and the other one.
    fn ack(&mut self, dir: Dir, ack: u32) {
        use TcpState as S;
        let here = dir.of_mut(&mut self.states);
        if *here == S::Unknown {
            *here = S::Established;
        }
        let there = dir.flip().of_mut(&mut self.states);
        if *there == S::SynReceived {
            *there = S::Established;
        }
        let fin = *dir.flip().of(&self.fin);
        let covers = fin.is_some_and(|fin| ack.wrapping_sub(fin) as i32 >= 0);
        if !covers {
            return;
        }
        *there = match *there {
            S::FinWait1 => S::FinWait2,
            S::Closing => S::TimeWait,
            S::LastAck => S::Closed,
            other => other,
        };
        // Who acknowledges a FIN has got it.
        if std::mem::take(dir.flip().of_mut(&mut self.early)) {
            self.got_fin(dir);
        }
    }

    fn fin(&mut self, dir: Dir, segment: &Segment<'_>, next: Option<u32>) {
        use TcpState as S;
        let behind = segment
            .seq
            .wrapping_add(segment.len() as u32)
            .wrapping_add(1);
        if dir.of(&self.fin).is_some() {
            return;
        }
        *dir.of_mut(&mut self.fin) = Some(behind);
        // A FIN that does not acknowledge the other one was sent before that had come.
        let other = *dir.flip().of(&self.fin);
        let crossed = other.is_some_and(|fin| (segment.ack.wrapping_sub(fin) as i32) < 0);
        let here = dir.of_mut(&mut self.states);
        *here = match *here {
            S::CloseWait if crossed => S::Closing,
            S::CloseWait => S::LastAck,
            S::TimeWait => S::TimeWait,
            _ => S::FinWait1,
        };
        let early = next.is_some_and(|next| (segment.seq.wrapping_sub(next) as i32) > 0);
        if early {
            *dir.of_mut(&mut self.early) = true;
        } else {
            self.got_fin(dir.flip());
        }
    }

    /// This side has got the other's FIN.
    fn got_fin(&mut self, dir: Dir) {
        use TcpState as S;
        let here = dir.of_mut(&mut self.states);
        *here = match *here {
            S::FinWait1 => S::Closing,
            S::FinWait2 => S::TimeWait,
            S::Established | S::SynReceived | S::Unknown => S::CloseWait,
            other => other,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Endpoint, Options};
    use TcpState as S;

    fn pass(machine: &mut Machine, dir: Dir, flags: u8, seq: u32, ack: u32) -> [S; 2] {
        let end = Endpoint {
            ip: [127, 0, 0, 1].into(),
            port: 1,
        };
        let segment = Segment {
            src: end,
            dst: end,
            seq,
            ack,
            flags: Flags(flags),
            window: 100,
            options: Options::default(),
            header: 20,
            head: &[],
            sized: true,
            ttl: 64,
            ip_id: None,
            cut: 0,
            payload_at: None,
        };
        machine.segment(dir, &segment, Some(seq));
        machine.states
    }

    const SYN: u8 = Flags::SYN;
    const ACK: u8 = Flags::ACK;
    const FIN: u8 = Flags::FIN;

    fn open() -> Machine {
        let mut machine = Machine::default();
        let m = &mut machine;
        let up = Dir::C2s;
        assert_eq!(pass(m, up, SYN, 9, 0), [S::SynSent, S::SynReceived]);
        let answered = pass(m, up.flip(), SYN | ACK, 99, 10);
        assert_eq!(answered, [S::Established, S::SynReceived]);
        assert_eq!(pass(m, up, ACK, 10, 100), [S::Established; 2]);
        machine
    }

    #[test]
    fn four_segments_end_it() {
        let mut machine = open();
        let m = &mut machine;
        let (up, down) = (Dir::C2s, Dir::S2c);
        assert_eq!(
            pass(m, down, FIN | ACK, 100, 10),
            [S::CloseWait, S::FinWait1]
        );
        assert_eq!(pass(m, up, ACK, 10, 101), [S::CloseWait, S::FinWait2]);
        assert_eq!(pass(m, up, FIN | ACK, 10, 101), [S::LastAck, S::TimeWait]);
        assert_eq!(pass(m, down, ACK, 101, 11), [S::Closed, S::TimeWait]);
    }

    #[test]
    fn both_at_once() {
        let mut machine = open();
        let m = &mut machine;
        pass(m, Dir::C2s, FIN | ACK, 10, 100);
        // The server had sent its own before the client's FIN came: it does not acknowledge it.
        let both = pass(m, Dir::S2c, FIN | ACK, 100, 10);
        assert_eq!(both, [S::Closing, S::Closing]);
        assert_eq!(pass(m, Dir::C2s, ACK, 11, 101), [S::Closing, S::TimeWait]);
    }

    #[test]
    fn a_reset_closes_both() {
        let mut machine = open();
        let states = pass(&mut machine, Dir::S2c, Flags::RST, 100, 0);
        assert_eq!(states, [S::Closed; 2]);
    }

    #[test]
    fn what_began_before_the_capture_is_not_known() {
        let mut machine = Machine::default();
        assert_eq!(machine.states, [S::Unknown; 2]);
        let states = pass(&mut machine, Dir::C2s, ACK, 1, 1);
        assert_eq!(states, [S::Established, S::Unknown]);
    }
}
