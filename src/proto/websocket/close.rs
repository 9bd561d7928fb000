//! How a session ends: close frames, then TCP.   RFC 6455 section 7
//!
//! One table for both sides: a fact is noted for the direction it was seen in, and judged once
//! nothing more can come.

use crate::model::{Close, CloseCode, Dir, End, SessionId, TcpEnd};

/// What has been seen of a session's end.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// The body of the first close frame, per direction.
    frames: [Option<Option<CloseCode>>; 2],
    /// Who sent the first close frame.
    first_frame: Option<Dir>,
    /// How the stream ended, per direction.
    ends: [Option<End>; 2],
    /// Who ended first, by FIN or RST.
    first_end: Option<Dir>,
    /// A part of the direction was not seen: a close frame may have been in it.
    holes: [bool; 2],
}

impl Ending {
    /// Notes a close frame.
    pub fn frame(&mut self, dir: Dir, code: Option<CloseCode>) {
        dir.of_mut(&mut self.frames).get_or_insert(code);
        self.first_frame.get_or_insert(dir);
    }

    /// Notes that a part of this direction was not seen.
    pub fn hole(&mut self, dir: Dir) {
        *dir.of_mut(&mut self.holes) = true;
    }

    /// Notes the end of a direction; true once both have ended.
    pub fn end(&mut self, dir: Dir, end: End) -> bool {
        dir.of_mut(&mut self.ends).get_or_insert(end);
        match end {
            End::Fin => _ = self.first_end.get_or_insert(dir),
            End::Rst { by } => _ = self.first_end.get_or_insert(by),
            End::Open => {}
        }
        self.ends.iter().all(Option::is_some)
    }

    /// The end, told; none where the session is still open.
    pub fn close(&self, session: SessionId) -> Option<Close> {
        let tcp_end = self.tcp_end();
        if tcp_end == TcpEnd::None && self.first_frame.is_none() {
            return None;
        }
        let [client, server] = self.frames;
        Some(Close {
            session,
            clean: client.is_some() && server.is_some() && tcp_end != TcpEnd::Rst,
            initiator: self.first_frame.or(self.first_end),
            code_client: client.flatten(),
            code_server: server.flatten(),
            client_saw: self.seen_by(Dir::C2s),
            server_saw: self.seen_by(Dir::S2c),
            tcp_end,
            why: self.why(tcp_end),
        })
    }

    fn tcp_end(&self) -> TcpEnd {
        let ended = |wanted: fn(&End) -> bool| self.ends.iter().flatten().any(wanted);
        if ended(|end| matches!(end, End::Rst { .. })) {
            TcpEnd::Rst
        } else if ended(|end| *end == End::Fin) {
            TcpEnd::Fin
        } else {
            TcpEnd::None
        }
    }

    /// What the API of the side that sends in `dir` reports; none where that cannot be told.
    fn seen_by(&self, dir: Dir) -> Option<CloseCode> {
        match dir.flip().of(&self.frames) {
            Some(code) => Some(code.unwrap_or(CloseCode::NO_STATUS)),
            None if *dir.flip().of(&self.holes) || self.tcp_end() == TcpEnd::None => None,
            None => Some(CloseCode::ABNORMAL),
        }
    }

    fn why(&self, tcp_end: TcpEnd) -> String {
        let tcp = match (tcp_end, self.first_end) {
            (TcpEnd::Fin, Some(by)) => format!("the {} ended TCP with FIN", by.sender()),
            (TcpEnd::Rst, Some(by)) => format!("the {} reset TCP", by.sender()),
            _ => "the capture ends before TCP does".to_owned(),
        };
        let said = |dir: Dir| match dir.of(&self.frames) {
            Some(Some(code)) => format!("{} ({})", code.0, code.name()),
            _ => "no code".to_owned(),
        };
        let frames = match self.first_frame {
            None => return format!("{tcp}, and {}", self.absent(&Dir::BOTH)),
            Some(first) if first.flip().of(&self.frames).is_some() => format!(
                "the {} closed with {}, the {} answered with {}",
                first.sender(),
                said(first),
                first.flip().sender(),
                said(first.flip())
            ),
            Some(first) => format!(
                "the {} closed with {}, and {} in answer",
                first.sender(),
                said(first),
                self.absent(&[first.flip()])
            ),
        };
        format!("{frames}; {tcp}")
    }

    /// No close frame came in these directions, as far as the capture can say.
    fn absent(&self, dirs: &[Dir]) -> &'static str {
        match dirs.iter().any(|dir| *dir.of(&self.holes)) {
            true => "if a close frame came, the capture lost it",
            false => "no close frame came",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: SessionId = SessionId(0);

    fn ended(end: End, frames: &[(Dir, Option<u16>)], holes: &[Dir]) -> Option<Close> {
        let mut ending = Ending::default();
        frames
            .iter()
            .for_each(|&(dir, code)| ending.frame(dir, code.map(CloseCode)));
        holes.iter().for_each(|&dir| ending.hole(dir));
        assert!(!ending.end(Dir::S2c, end));
        assert!(ending.end(Dir::C2s, end));
        ending.close(SESSION)
    }

    #[test]
    fn close_frames_both_ways_and_fin_are_clean() {
        let close = ended(End::Fin, &[(Dir::C2s, Some(1001)), (Dir::S2c, None)], &[]).unwrap();
        assert!(close.clean);
        assert_eq!(close.initiator, Some(Dir::C2s));
        assert_eq!(
            (close.code_client, close.code_server),
            (Some(CloseCode(1001)), None)
        );
        assert_eq!(close.client_saw, Some(CloseCode::NO_STATUS));
        assert_eq!(close.server_saw, Some(CloseCode(1001)));
        assert_eq!(
            close.why,
            "the client closed with 1001 (going away), the server answered with no code; \
             the server ended TCP with FIN"
        );
    }

    #[test]
    fn without_a_close_frame_both_sides_report_1006() {
        let close = ended(End::Rst { by: Dir::C2s }, &[], &[]).unwrap();
        assert!(!close.clean);
        assert_eq!(close.client_saw, Some(CloseCode::ABNORMAL));
        assert_eq!(close.why, "the client reset TCP, and no close frame came");
    }

    #[test]
    fn what_a_hole_may_have_hidden_is_not_claimed() {
        let close = ended(End::Fin, &[], &[Dir::S2c]).unwrap();
        assert_eq!(close.client_saw, None);
        assert_eq!(close.server_saw, Some(CloseCode::ABNORMAL));
        assert!(close.why.ends_with("the capture lost it"));
    }

    #[test]
    fn a_session_that_is_still_open_has_no_end() {
        assert_eq!(ended(End::Open, &[], &[]), None);
        let half = ended(End::Open, &[(Dir::S2c, Some(1000))], &[]).unwrap();
        assert_eq!((half.tcp_end, half.server_saw), (TcpEnd::None, None));
    }
}
