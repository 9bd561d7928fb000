//! What can stop a run.

use std::io;

/// What can stop a run: bad traffic never does, a file that cannot be read does.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A capture that cannot be opened.
    #[error("{name}: cannot open: {cause}")]
    Open {
        /// Its path, or `standard input`.
        name: String,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A device that cannot be captured from.
    #[error("{name}: {cause}")]
    Device {
        /// Its name.
        name: String,
        /// What the system or libpcap said.
        cause: String,
    },
    /// The right to capture is missing.
    #[error(
        "{name}: not allowed to capture here ({cause}): run it with sudo, or give the program the right once with \
         `sudo setcap cap_net_raw,cap_net_admin=eip {program}`"
    )]
    Rights {
        /// The device.
        name: String,
        /// What the system or libpcap said.
        cause: String,
        /// The program that has to be given the right.
        program: String,
    },
    /// What the process that captures said.
    #[error("{0}")]
    Live(String),
    /// A lesson that cannot be shown.
    #[error("the lessons: {0}")]
    Lesson(String),
    /// A file that cannot be written any further; what lies on disk is whole.
    #[error("{name}: cannot write: {cause}{}", kept(*.packets))]
    Write {
        /// Its path.
        name: String,
        /// Packets that were handed over to be written before; the last ones may be missing.
        packets: u64,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A capture filter that cannot be compiled.
    #[error("capture filter {expression:?}: {cause}")]
    Filter {
        /// What was typed.
        expression: String,
        /// What libpcap said.
        cause: String,
    },
    /// A capture that cannot be read any further; every packet before the fault was delivered.
    #[error("{name}: {}{fault}", place(*.at, *.packets, *.unpacked))]
    Capture {
        /// Its path, or `standard input`.
        name: String,
        /// Offset of the block or record that is at fault, from 0.
        at: u64,
        /// Whether `at` counts bytes after decompression.
        unpacked: bool,
        /// How many packets of this file were delivered before.
        packets: u64,
        /// What is wrong there.
        fault: Fault,
    },
}

/// What is wrong with a capture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Not one byte.
    #[error("the file is empty")]
    Empty,
    /// No capture format that wscope reads.
    #[error("not a pcap or pcapng capture{}", looks(*.0))]
    NotACapture(Option<&'static str>),
    /// The file ends too early.
    #[error("the file ends in the middle of a {part}: {have} of {need} bytes are there")]
    Truncated {
        /// In the middle of what.
        part: &'static str,
        /// How many of its bytes are there.
        have: u64,
        /// How many it has.
        need: u64,
    },
    /// Something that the format does not allow.
    #[error("broken {part}: {why}")]
    Broken {
        /// Which part.
        part: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A format version that nobody has defined yet.
    #[error("{format} version {major}.{minor} is not supported")]
    Version {
        /// `pcap` or `pcapng`.
        format: &'static str,
        /// The number before the dot.
        major: u16,
        /// The number after it.
        minor: u16,
    },
    /// A block that claims more bytes than wscope is willing to hold.
    #[error(
        "a {part} of {len} bytes is larger than the limit of {limit}: the file is probably damaged"
    )]
    TooLarge {
        /// Which part.
        part: &'static str,
        /// Bytes that it claims.
        len: u64,
        /// Bytes that are allowed.
        limit: u64,
    },
    /// The compressed stream around the capture is damaged or ends too early.
    #[error("cannot decompress any further: {0}")]
    Unpack(#[source] io::Error),
    /// The system failed to read.
    #[error("cannot read: {0}")]
    Read(#[source] io::Error),
}

/// `at byte 4711 (after 12 packets): `, or nothing at the very start.
fn place(at: u64, packets: u64, unpacked: bool) -> String {
    if at == 0 {
        return String::new();
    }
    let of = if unpacked {
        " of the decompressed file"
    } else {
        ""
    };
    match packets {
        1 => format!("at byte {at}{of} (after 1 packet): "),
        _ => format!("at byte {at}{of} (after {packets} packets): "),
    }
}

/// What a file has that could not be written any further.
fn kept(packets: u64) -> String {
    match packets {
        0 => String::new(),
        _ => format!(" (after about {packets} packets; the file is whole up to there)"),
    }
}

fn looks(like: Option<&str>) -> String {
    like.map(|like| format!("; it looks like {like}"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_where_after_what_and_why() {
        let error = Error::Capture {
            name: "captures/x.pcapng".into(),
            at: 4711,
            unpacked: false,
            packets: 12,
            fault: Fault::Truncated {
                part: "block",
                have: 40,
                need: 96,
            },
        };
        assert_eq!(
            error.to_string(),
            "captures/x.pcapng: at byte 4711 (after 12 packets): \
             the file ends in the middle of a block: 40 of 96 bytes are there"
        );
    }

    #[test]
    fn at_the_start_of_a_file_there_is_no_offset_to_tell() {
        let error = Error::Capture {
            name: "notes.txt".into(),
            at: 0,
            unpacked: false,
            packets: 0,
            fault: Fault::NotACapture(Some("text")),
        };
        assert_eq!(
            error.to_string(),
            "notes.txt: not a pcap or pcapng capture; it looks like text"
        );
    }
}
