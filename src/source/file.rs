//! Captures from files and streams, packet by packet.

use super::look;
use super::notes::{Drops, Interface, Notes, Secrets};
use super::pcap::{self, Pcap};
use super::pcapng::{self, Pcapng};
use super::unpack::{self, Packing};
use super::window::Window;
use crate::model::{Keys, Link, Packet, PacketNo, Timestamp};
use crate::{Error, Fault};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One or more capture files, read as one capture.
///
/// Reads pcap and pcapng, plain or compressed with gzip or zstd; the content decides, not the
/// name. Holds one block at a time, and what [`Capture::interfaces`], [`Capture::secrets`] and
/// [`Capture::comments`] tell.
pub struct Capture {
    pub(super) inputs: Arc<[Input]>,
    /// Which input is being read, or comes next.
    pub(super) index: usize,
    pub(super) open: Option<Open>,
    /// A stream that cannot be opened by its name.
    stream: Option<Box<dyn Read + Send>>,
    /// The number of the next packet.
    pub(super) no: PacketNo,
    /// The number that the first packet of each input has, or would have, of those begun so far.
    starts: Vec<PacketNo>,
    notes: Notes,
    /// Options of the packet that was read last, and their byte order.
    options: (u32, u32, bool),
    read: Arc<AtomicU64>,
    /// Where packets of a stream can be read again.
    #[cfg(unix)]
    pub(super) history: Option<super::History>,
    #[cfg(feature = "live")]
    filter: Option<super::Filter>,
}

/// What is known of an input before it is read.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub name: String,
    pub path: Option<PathBuf>,
    /// Bytes of a regular file.
    pub len: Option<u64>,
    /// A regular file, not compressed.
    pub plain: bool,
}

/// An input that is being read.
pub(super) struct Open {
    pub window: Window,
    pub format: Option<Format>,
    unpacked: bool,
    packets: u64,
}

#[derive(Clone, Debug)]
pub(super) enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

/// A packet in the window.
pub(super) struct Found {
    pub time: Timestamp,
    pub link: Link,
    pub orig_len: u32,
    /// Where the data begins in what was taken from the window.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
    /// Where the options after it begin.
    pub options: u32,
    /// Where they end.
    pub options_end: u32,
    pub big_endian: bool,
}

/// How far the reading has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Bytes read so far, before decompression; runs ahead of the packets by up to one buffer.
    pub bytes: u64,
    /// Bytes of all files, where every one is a regular file.
    pub total: Option<u64>,
}

impl Capture {
    /// Opens captures to be read one after the other; the path `-` stands for standard input.
    ///
    /// # Errors
    /// Any file that cannot be opened. What is in them is looked at later, by [`Capture::next`].
    pub fn open(paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Result<Self, Error> {
        let inputs: Result<_, _> = paths.into_iter().map(|path| input(path.as_ref())).collect();
        Ok(Self::new(inputs?, None))
    }

    /// Reads a capture from a stream; messages call it by `name`.
    pub fn from_reader(name: impl Into<String>, reader: impl Read + Send + 'static) -> Self {
        let input = Input {
            name: name.into(),
            path: None,
            len: None,
            plain: false,
        };
        Self::new([input].into(), Some(Box::new(reader)))
    }

    /// Reads from a spool, whose packets can be read again.
    #[cfg(unix)]
    pub fn from_spool(name: impl Into<String>, reader: super::SpoolReader) -> Self {
        let history = Some(reader.history());
        Self {
            history,
            ..Self::from_reader(name, reader)
        }
    }

    pub(super) fn new(inputs: Arc<[Input]>, stream: Option<Box<dyn Read + Send>>) -> Self {
        Self {
            inputs,
            index: 0,
            open: None,
            stream,
            no: PacketNo::FIRST,
            starts: Vec::new(),
            notes: Notes::default(),
            options: (0, 0, false),
            read: Arc::default(),
            #[cfg(unix)]
            history: None,
            #[cfg(feature = "live")]
            filter: None,
        }
    }

    /// The same, with its packets numbered from here on.
    #[cfg(unix)]
    pub(super) fn numbered(self, no: PacketNo) -> Self {
        Self { no, ..self }
    }

    /// From here on lends only packets that pass; the others are counted, so numbers stay as they are.
    #[cfg(feature = "live")]
    pub fn set_filter(&mut self, filter: super::Filter) {
        self.filter = Some(filter);
    }

    /// Lends the next packet, none at the end.
    ///
    /// # Errors
    /// What cannot be read, after every packet before it. The rest of that file is given up;
    /// called again, this goes on with the next file.
    #[inline(always)]
    #[allow(clippy::should_implement_trait)] // A lending iterator cannot.
    pub fn next(&mut self) -> Result<Option<Packet<'_>>, Error> {
        while self.index < self.inputs.len() {
            if self.open.is_none() {
                self.start()?;
            }
            if let Some(found) = self.advance()? {
                let no = self.no;
                self.no = no.next();
                self.options = (found.options, found.options_end, found.big_endian);
                if self.passes(no, &found)? {
                    return Ok(self.lend(no, &found));
                }
                continue;
            }
            self.close();
        }
        Ok(None)
    }

    #[inline(always)]
    fn lend(&self, no: PacketNo, found: &Found) -> Option<Packet<'_>> {
        self.open.as_ref().map(|open| Packet {
            no,
            time: found.time,
            link: found.link,
            orig_len: found.orig_len,
            data: open.window.bytes(found.start..found.end),
        })
    }

    #[cfg(feature = "live")]
    fn passes(&mut self, no: PacketNo, found: &Found) -> Result<bool, Error> {
        let Some(mut filter) = self.filter.take() else {
            return Ok(true);
        };
        let passes = self
            .lend(no, found)
            .map_or(Ok(false), |packet| filter.passes(&packet));
        self.filter = Some(filter);
        passes
    }

    #[cfg(not(feature = "live"))]
    #[inline(always)]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)] // The other one may fail.
    fn passes(&mut self, _: PacketNo, _: &Found) -> Result<bool, Error> {
        Ok(true)
    }

    /// The number that the first packet of each input has, or would have where it has none; of
    /// those that were begun.
    #[must_use]
    pub fn starts(&self) -> &[PacketNo] {
        &self.starts
    }

    /// The comments on the packet that was read last.
    pub fn packet_comments(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let (start, end, big_endian) = self.options;
        let options = match &self.open {
            Some(open) => open.window.bytes(start..end),
            None => &[],
        };
        pcapng::packet_comments(options, big_endian).map(String::from_utf8_lossy)
    }

    /// The comments on the sections read so far, up to a limit.
    #[must_use]
    pub fn comments(&self) -> &[String] {
        &self.notes.comments
    }

    /// The interfaces described so far, up to a limit.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        &self.notes.interfaces
    }

    /// The secrets read so far, up to a limit.
    #[must_use]
    pub fn secrets(&self) -> &[Secrets] {
        &self.notes.secrets
    }

    /// How many packets were dropped before they could be captured, as interface statistics tell.
    #[must_use]
    pub fn drops(&self) -> Drops {
        self.notes.drops.clone()
    }

    /// From here on the secrets of the capture that open TLS are added to these keys, as they come.
    pub fn set_keys(&mut self, keys: Keys) {
        for secrets in &self.notes.secrets {
            if secrets.kind == Secrets::TLS_KEY_LOG {
                keys.since(secrets.before).lines(&secrets.data);
            }
        }
        self.notes.keys = keys;
    }

    /// How far the reading has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            bytes: self.read.load(Ordering::Relaxed),
            total: self.inputs.iter().map(|input| input.len).sum(),
        }
    }

    /// Whether all of it lies in regular files: nothing has to be waited for.
    #[must_use]
    pub fn is_all_there(&self) -> bool {
        self.inputs.iter().all(|input| input.len.is_some())
    }

    /// Reads on with the next packet of the open input.
    ///
    /// Inlined with all below it: what was found is otherwise copied through memory at each step,
    /// which took four times as long as finding it.
    #[inline(always)]
    fn advance(&mut self) -> Result<Option<Found>, Error> {
        let Some(open) = &mut self.open else {
            return Ok(None);
        };
        let found = match &mut open.format {
            Some(Format::Pcap(pcap)) => pcap.next(&mut open.window),
            Some(Format::Pcapng(pcapng)) => pcapng.next(&mut open.window, &mut self.notes, self.no),
            None => {
                open.begin(&mut self.notes)
                    .and_then(|format| match open.format.insert(format) {
                        Format::Pcap(pcap) => pcap.next(&mut open.window),
                        Format::Pcapng(pcapng) => {
                            pcapng.next(&mut open.window, &mut self.notes, self.no)
                        }
                    })
            }
        };
        match found {
            Ok(Some(found)) => {
                open.packets += 1;
                Ok(Some(found))
            }
            Ok(None) => match open.window.failure() {
                None => Ok(None),
                Some(cause) => Err(self.fail(None, Some(cause))),
            },
            Err(fault) => Err(self.fail(Some(fault), None)),
        }
    }

    /// Gives up the open input.
    #[cold]
    fn fail(&mut self, fault: Option<Fault>, cause: Option<io::Error>) -> Error {
        let name = self.inputs[self.index].name.clone();
        let (at, packets, unpacked, cause) = match &mut self.open {
            Some(open) => (
                open.window.at(),
                open.packets,
                open.unpacked,
                cause.or_else(|| open.window.failure()),
            ),
            None => (0, 0, false, cause),
        };
        self.close();
        // Where the stream broke, that is why the capture seems to end early.
        let seems_short = matches!(
            fault,
            None | Some(Fault::Truncated { .. } | Fault::Empty | Fault::NotACapture(_))
        );
        let fault = match (cause, fault) {
            (Some(cause), _) if seems_short && unpacked => Fault::Unpack(cause),
            (Some(cause), _) if seems_short => Fault::Read(cause),
            (_, Some(fault)) => fault,
            (_, None) => Fault::Empty,
        };
        Error::Capture {
            name,
            at,
            unpacked,
            packets,
            fault,
        }
    }

    /// Opens the input whose turn it is.
    fn start(&mut self) -> Result<(), Error> {
        self.starts.push(self.no);
        let input = &self.inputs[self.index];
        let reader: io::Result<Box<dyn Read + Send>> = match (self.stream.take(), &input.path) {
            (Some(stream), _) => Ok(stream),
            (None, None) => Ok(Box::new(io::stdin())),
            (None, Some(path)) => File::open(path).map(|file| Box::new(file) as _),
        };
        let opened = reader.and_then(|reader| {
            unpack::unpack(Counted {
                reader,
                read: Arc::clone(&self.read),
            })
        });
        match opened {
            Ok((packing, reader)) => {
                self.open = Some(Open {
                    window: Window::new(reader, 0),
                    format: None,
                    unpacked: packing != Packing::Plain,
                    packets: 0,
                });
                Ok(())
            }
            Err(cause) => {
                let name = input.name.clone();
                self.close();
                Err(Error::Open { name, cause })
            }
        }
    }

    /// Opens a plain file in its middle.
    pub(super) fn start_at(&mut self, at: u64, format: Option<Format>) -> Result<(), Error> {
        let input = &self.inputs[self.index];
        let opened = input.path.as_ref().map(|path| {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(at))?;
            Ok(file)
        });
        match opened {
            Some(Ok(file)) => {
                self.open = Some(Open {
                    window: Window::new(Box::new(file), at),
                    format,
                    unpacked: false,
                    packets: 0,
                });
                Ok(())
            }
            Some(Err(cause)) => Err(Error::Open {
                name: input.name.clone(),
                cause,
            }),
            None => Ok(()),
        }
    }

    fn close(&mut self) {
        self.open = None;
        self.options = (0, 0, false);
        self.index += 1;
    }
}

impl Open {
    /// Recognises the format by the first bytes.
    #[cold]
    fn begin(&mut self, notes: &mut Notes) -> Result<Format, Fault> {
        // No more than needed: a pipe may have nothing else for a while.
        match self.window.want(4).first_chunk() {
            Some(&pcapng::MAGIC) => Ok(Format::Pcapng(Pcapng::default())),
            Some(&magic) if pcap::is_magic(magic) => {
                let pcap = Pcap::open(&mut self.window)?;
                notes.add_interface(pcap.interface());
                Ok(Format::Pcap(pcap))
            }
            _ => match self.window.want(LOOK) {
                [] => Err(Fault::Empty),
                head => Err(Fault::NotACapture(look::like(
                    head.get(..LOOK).unwrap_or(head),
                ))),
            },
        }
    }
}

/// Counts what is read through it.
struct Counted<R> {
    reader: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Finds out early what a path leads to, without reading from pipes.
fn input(path: &Path) -> Result<Input, Error> {
    if path == Path::new("-") {
        return Ok(Input {
            name: "standard input".into(),
            path: None,
            len: None,
            plain: false,
        });
    }
    let name = path.display().to_string();
    let looked = || {
        let meta = path.metadata()?;
        if meta.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        if !meta.is_file() {
            return Ok((None, false));
        }
        let (packing, _) = unpack::sniff(&mut File::open(path)?)?;
        Ok((Some(meta.len()), packing == Packing::Plain))
    };
    match looked() {
        Ok((len, plain)) => Ok(Input {
            name,
            path: Some(path.to_path_buf()),
            len,
            plain,
        }),
        Err(cause) => Err(Error::Open { name, cause }),
    }
}

/// Bytes that are enough to say what a file looks like.
const LOOK: usize = 64;
