//! Packets into files: one, or one after the other by size and time, each a whole capture.

use super::{Interface, PcapngWriter};
use crate::error::Error;
use crate::model::{Link, Packet, Timestamp};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// When the next file begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Turn {
    /// After so many bytes.
    pub bytes: Option<u64>,
    /// After so many nanoseconds of packet time.
    pub nanos: Option<i64>,
    /// How many files are kept; all where none is said.
    pub files: Option<usize>,
}

impl Turn {
    /// Whether there can be a second file.
    #[must_use]
    pub fn turns(&self) -> bool {
        self.bytes.is_some() || self.nanos.is_some()
    }
}

/// Writes packets into pcapng files. What lies on disk is always whole blocks, also where it ends in
/// an error.
pub struct Rotation {
    name: PathBuf,
    turn: Turn,
    out: PcapngWriter<Vec<u8>>,
    file: File,
    /// Its path, and bytes that lie in it.
    here: (PathBuf, u64),
    /// Paths of the files before, oldest first.
    before: VecDeque<PathBuf>,
    files: u32,
    /// The first packet's time in this file, and the last one's.
    times: Option<(Timestamp, Timestamp)>,
    /// Packets dropped: not told yet, and in this file.
    dropped: (u64, u64),
    link: Link,
    packets: u64,
    device: Option<(String, u32)>,
}

/// Bytes that are written together.
const CHUNK: usize = 256 << 10;

impl Rotation {
    /// Opens the first file. Where there can be more than one, their names are made of this one, a
    /// number and the time: `trace_00001_20261121120000.pcapng`.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(name: &Path, turn: Turn, now: Timestamp) -> Result<Self, Error> {
        let open = || {
            let path = if turn.turns() {
                numbered(name, 1, now)
            } else {
                name.to_owned()
            };
            let file = File::create(&path)?;
            Ok((path, file, PcapngWriter::new(Vec::new())?))
        };
        let (path, file, out) = open().map_err(|cause: io::Error| Error::Write {
            name: name.display().to_string(),
            packets: 0,
            cause,
        })?;
        Ok(Self {
            name: name.to_owned(),
            turn,
            out,
            file,
            here: (path, 0),
            before: VecDeque::new(),
            files: 1,
            times: None,
            dropped: (0, 0),
            link: Link::ETHERNET,
            packets: 0,
            device: None,
        })
    }

    /// Names the device in the files, and how many bytes of each packet it keeps.
    pub fn describe(&mut self, device: &str, snaplen: u32) {
        self.device = Some((device.to_owned(), snaplen));
    }

    /// The file that is written now.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Writes a packet, with a comment on it if wished.
    ///
    /// # Errors
    /// The disk is full, say. The files are whole up to some packet before.
    pub fn packet(&mut self, packet: &Packet<'_>, comment: Option<&str>) -> Result<(), Error> {
        let done = self.try_packet(packet, comment);
        done.map_err(|cause| self.failed(cause))
    }

    /// Notes that so many packets were dropped before the next one.
    pub fn dropped(&mut self, packets: u64) {
        self.dropped.0 += packets;
    }

    /// Hands everything to the system.
    ///
    /// # Errors
    /// As for [`Rotation::packet`].
    pub fn flush(&mut self) -> Result<(), Error> {
        let done = self.tell_drops().and_then(|()| self.commit());
        done.map_err(|cause| self.failed(cause))
    }

    fn try_packet(&mut self, packet: &Packet<'_>, comment: Option<&str>) -> io::Result<()> {
        let due = self.times.is_some_and(|(first, _)| {
            let len = self.here.1 + self.out.get_mut().len() as u64;
            self.turn
                .bytes
                .is_some_and(|most| len + packet.data.len() as u64 > most)
                || self
                    .turn
                    .nanos
                    .is_some_and(|most| packet.time.since(first) >= most)
        });
        if due {
            self.next(packet.time)?;
        }
        self.link = packet.link;
        self.begin_interface()?;
        self.tell_drops()?;
        self.out.commented(packet, comment)?;
        let (first, _) = self.times.unwrap_or((packet.time, packet.time));
        self.times = Some((first, packet.time));
        self.packets += 1;
        if self.out.get_mut().len() >= CHUNK {
            self.commit()?;
        }
        Ok(())
    }

    fn next(&mut self, now: Timestamp) -> io::Result<()> {
        self.tell_drops()?;
        self.commit()?;
        self.files += 1;
        let path = numbered(&self.name, self.files, now);
        self.file = File::create(&path)?;
        let before = std::mem::replace(&mut self.here, (path, 0));
        self.before.push_back(before.0);
        if let Some(most) = self.turn.files {
            while self.before.len() >= most.max(1) {
                if let Some(oldest) = self.before.pop_front() {
                    // Whoever took it away was faster.
                    let _ = fs::remove_file(oldest);
                }
            }
        }
        self.times = None;
        self.dropped.1 = 0;
        self.out.section(None)
    }

    fn interface(&self) -> Interface {
        let (name, snaplen) = self.device.clone().unzip();
        Interface {
            name,
            link: self.link,
            snaplen: snaplen.unwrap_or(0),
            resolution: 9,
            received: None,
            dropped: None,
            dropped_by_os: Some(self.dropped.1),
        }
    }

    fn begin_interface(&mut self) -> io::Result<()> {
        if self.out.knows(self.link) {
            return Ok(());
        }
        let interface = self.interface();
        self.out.describe(&interface)
    }

    fn tell_drops(&mut self) -> io::Result<()> {
        if self.dropped.0 == 0 {
            return Ok(());
        }
        self.dropped.1 += std::mem::take(&mut self.dropped.0);
        self.begin_interface()?;
        let (_, now) = self.times.unwrap_or_default();
        let interface = self.interface();
        self.out.statistics(&interface, now)
    }

    /// Puts what was gathered into the file: all of it or, as far as it can, nothing.
    fn commit(&mut self) -> io::Result<()> {
        let bytes = self.out.get_mut();
        let result = self.file.write_all(bytes);
        if result.is_ok() {
            self.here.1 += bytes.len() as u64;
        } else {
            let _ = self.file.set_len(self.here.1);
        }
        bytes.clear();
        result
    }

    fn failed(&self, cause: io::Error) -> Error {
        Error::Write {
            name: self.here.0.display().to_string(),
            packets: self.packets,
            cause,
        }
    }
}

/// `trace_00001_20261121120000.pcapng`
fn numbered(name: &Path, number: u32, now: Timestamp) -> PathBuf {
    let stem = name.file_stem().unwrap_or_default().to_string_lossy();
    let when: String = now
        .to_string()
        .chars()
        .filter(char::is_ascii_digit)
        .take(14)
        .collect();
    let extension = name
        .extension()
        .map_or("pcapng".into(), |it| it.to_string_lossy());
    name.with_file_name(format!("{stem}_{number:05}_{when}.{extension}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PacketNo;
    use crate::source::Capture;

    fn write(rotation: &mut Rotation, from: u64, to: u64) {
        for no in from..=to {
            let packet = Packet {
                no: PacketNo::FIRST,
                time: Timestamp(no as i64 * 1_000_000_000),
                link: Link::ETHERNET,
                orig_len: 500,
                data: &[3; 500],
            };
            rotation
                .packet(&packet, (no == 7).then_some("seven"))
                .unwrap();
        }
    }

    fn files(folder: &Path) -> Vec<(String, Vec<i64>, u64)> {
        let mut found: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|it| it.unwrap().path())
            .collect();
        found.sort();
        found
            .iter()
            .map(|path| {
                let mut capture = Capture::open([path]).unwrap();
                let mut seconds = Vec::new();
                while let Some(packet) = capture.next().unwrap() {
                    seconds.push(packet.time.0 / 1_000_000_000);
                }
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                (name, seconds, capture.drops().get())
            })
            .collect()
    }

    #[test]
    fn files_turn_by_size_and_only_the_last_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let turn = Turn {
            bytes: Some(2000),
            files: Some(2),
            ..Turn::default()
        };
        let mut rotation =
            Rotation::create(&folder.path().join("t.pcapng"), turn, Timestamp(0)).unwrap();
        write(&mut rotation, 1, 8);
        rotation.dropped(5);
        rotation.flush().unwrap();
        let found = files(folder.path());
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0],
            ("t_00002_19700101000004.pcapng".into(), vec![4, 5, 6], 0)
        );
        assert_eq!(found[1].1, [7, 8]);
        assert_eq!(found[1].2, 5);
    }

    #[test]
    fn files_turn_by_time() {
        let folder = tempfile::tempdir().unwrap();
        let turn = Turn {
            nanos: Some(3_000_000_000),
            ..Turn::default()
        };
        let mut rotation =
            Rotation::create(&folder.path().join("t.pcapng"), turn, Timestamp(0)).unwrap();
        write(&mut rotation, 1, 7);
        rotation.flush().unwrap();
        let seconds: Vec<_> = files(folder.path()).into_iter().map(|it| it.1).collect();
        assert_eq!(seconds, [vec![1, 2, 3], vec![4, 5, 6], vec![7]]);
    }
}
