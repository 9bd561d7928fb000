use super::*;
use crate::model::{Link, Packet, Timestamp};
use crate::source::Capture;
use std::thread;

fn packet(no: u64, data: &[u8]) -> Packet<'_> {
    Packet {
        no: PacketNo::new(no).unwrap(),
        time: Timestamp(no as i64),
        link: Link::ETHERNET,
        orig_len: data.len() as u32,
        data,
    }
}

fn times(mut capture: Capture) -> Vec<(u64, i64)> {
    let mut found = Vec::new();
    while let Some(packet) = capture.next().unwrap() {
        found.push((packet.no.get(), packet.time.0));
    }
    found
}

#[test]
fn what_is_written_is_read_while_it_comes_and_again_later() {
    let (mut spool, reader, history) = Spool::new(&std::env::temp_dir(), 1 << 20).unwrap();
    let reading = thread::spawn(|| times(Capture::from_reader("spool", reader)));
    for no in 1..=1500 {
        // The reader may not have noticed yet that there is something to read.
        while !spool.packet(&packet(no, &[7; 1000])).unwrap() {
            spool.commit().unwrap();
            thread::yield_now();
        }
        if no % 7 == 0 {
            spool.commit().unwrap();
            while !history.is_idle() {
                thread::yield_now();
            }
        }
    }
    drop(spool);
    let all: Vec<_> = (1..=1500).map(|no| (no, no as i64)).collect();
    assert_eq!(reading.join().unwrap(), all);
    let oldest = history.oldest();
    let again = times(history.seek(oldest).unwrap());
    let oldest = oldest.get();
    assert!(
        oldest > 1,
        "32 segments of 32 kB do not hold 1.5 MB of packets and their blocks"
    );
    assert_eq!(again, all[oldest as usize - 1..]);
    let some = PacketNo::new(oldest + 123).unwrap();
    assert_eq!(
        times(history.seek(some).unwrap()),
        all[oldest as usize + 122..]
    );
    assert!(history.seek(PacketNo::FIRST).is_err());
}

#[test]
fn a_reader_that_stands_still_loses_only_what_does_not_fit_and_is_told() {
    let (mut spool, reader, history) = Spool::new(&std::env::temp_dir(), 1 << 20).unwrap();
    history.pause(true);
    let mut fit = 0;
    for no in 1..=2000 {
        fit += u64::from(spool.packet(&packet(no, &[7; 1000])).unwrap());
    }
    assert!((900..1100).contains(&fit), "{fit} of 2000 fit");
    spool.commit().unwrap();
    let bytes = history.bytes();
    for no in 0..1000 {
        assert!(!spool.packet(&packet(no + 1, &[7; 1000])).unwrap());
        spool.commit().unwrap();
    }
    assert_eq!(history.bytes(), bytes, "what cannot be kept takes no room");
    assert_eq!(history.unread(), history.bytes());
    assert!(history.unread() > fit * 1000);
    history.pause(false);
    let mut capture = Capture::from_reader("spool", reader);
    let drops = capture.drops();
    for no in 1..=fit {
        assert_eq!(capture.next().unwrap().unwrap().time.0, no as i64);
        assert_eq!(drops.get(), 0, "before packet {no}");
    }
    let reading = thread::spawn(move || capture.next().unwrap().unwrap().time.0);
    while !history.is_idle() {
        thread::yield_now();
    }
    assert_eq!(history.unread(), 0);
    assert!(spool.packet(&packet(9999, &[7; 1000])).unwrap());
    spool.commit().unwrap();
    assert_eq!(reading.join().unwrap(), 9999);
    assert_eq!(drops.get(), 3000 - fit);
}

/// A ring between two ends that share nothing but its file and a link, as two processes do.
fn far(bytes: u64) -> (Spool, Far, SpoolReader, History) {
    let (room, reader, history) = Room::new(&std::env::temp_dir(), bytes).unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let file = room.file().unwrap();
    let mut far = room.far(ours).unwrap();
    let spool = Spool::far(file, bytes, theirs).unwrap();
    assert!(far.begins(std::time::Duration::from_secs(60)).unwrap());
    (spool, far, reader, history)
}

#[test]
fn another_process_writes_and_loses_nothing_that_fits() {
    let (mut spool, far, reader, history) = far(1 << 20);
    let end = far.end().unwrap();
    let following = thread::spawn(move || far.follow());
    let reading = thread::spawn(|| times(Capture::from_reader("spool", reader)));
    for no in 1..=3000 {
        while !spool.packet(&packet(no, &[7; 1000])).unwrap() {
            // Where it is full, it hears how far the reader has come.
            spool.commit().unwrap();
            assert!(spool.hear().unwrap());
        }
    }
    end();
    while spool.hear().unwrap() {}
    drop(spool);
    following.join().unwrap().unwrap();
    let all: Vec<_> = (1..=3000).map(|no| (no, no as i64)).collect();
    assert_eq!(reading.join().unwrap(), all);
    let oldest = history.oldest();
    assert!(oldest.get() > 1);
    assert_eq!(
        times(history.seek(oldest).unwrap()),
        all[oldest.get() as usize - 1..]
    );
}

#[test]
fn another_process_drops_what_does_not_fit_and_tells_where() {
    let (mut spool, far, reader, history) = far(1 << 20);
    history.pause(true);
    let following = thread::spawn(move || far.follow());
    let fit = (1..=2000).filter(|&no| spool.packet(&packet(no, &[7; 1000])).unwrap());
    let fit = fit.count() as i64;
    assert!((900..1100).contains(&fit), "{fit} of 2000 fit");
    spool.commit().unwrap();
    history.pause(false);
    let mut capture = Capture::from_reader("spool", reader);
    let drops = capture.drops();
    for no in 1..=fit {
        assert_eq!(capture.next().unwrap().unwrap().time.0, no);
        assert_eq!(drops.get(), 0, "before packet {no}");
    }
    assert!(spool.hear().unwrap());
    assert!(spool.packet(&packet(9999, &[7; 1000])).unwrap());
    drop(spool);
    following.join().unwrap().unwrap();
    assert_eq!(capture.next().unwrap().unwrap().time.0, 9999);
    assert_eq!(drops.get() as i64, 2000 - fit);
    assert!(capture.next().unwrap().is_none());
}

#[test]
fn without_packets_it_is_a_capture_all_the_same() {
    let (spool, far, reader, _) = far(1);
    drop(spool);
    far.follow().unwrap();
    assert!(times(Capture::from_reader("spool", reader)).is_empty());
    let (spool, reader, _) = Spool::new(&std::env::temp_dir(), 1).unwrap();
    drop(spool);
    assert!(times(Capture::from_reader("spool", reader)).is_empty());
}

#[test]
fn neither_believes_what_cannot_be() {
    use std::io::Write as _;
    for record in [[0_u64, 0, 0], [2, 1, 0], [0, 1, u64::MAX], [u64::MAX, 1, 0]] {
        let (room, reader, _history) = Room::new(&std::env::temp_dir(), 1).unwrap();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let far = room.far(ours).unwrap();
        theirs
            .write_all(&record.map(u64::to_le_bytes).concat())
            .unwrap();
        assert_eq!(
            far.follow().unwrap_err().kind(),
            std::io::ErrorKind::InvalidData
        );
        drop(reader);
    }
    // A reader that claims to be further than there is anything to read.
    let (room, _reader, _history) = Room::new(&std::env::temp_dir(), 1).unwrap();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut spool = Spool::far(room.file().unwrap(), 1, theirs).unwrap();
    ours.write_all(&7_000_000_u64.to_le_bytes()).unwrap();
    assert!(spool.hear().unwrap());
    assert_eq!(spool.permitted, SEGMENTS - 1);
    drop(ours);
    assert!(!spool.hear().unwrap());
}

#[test]
fn whoever_can_wait_waits_until_there_is_room() {
    let (mut spool, reader, history) = Spool::new(&std::env::temp_dir(), 1 << 20).unwrap();
    history.pause(true);
    let ring = history.clone();
    let writing = thread::spawn(move || {
        for no in 1..=3000 {
            if ring.is_full() {
                spool.commit().unwrap();
                assert!(ring.wait_for_room());
            }
            assert!(spool.packet(&packet(no, &[7; 1000])).unwrap(), "{no}");
        }
    });
    while !history.is_full() {
        thread::yield_now();
    }
    history.pause(false);
    let all: Vec<_> = (1..=3000).map(|no| (no, no as i64)).collect();
    assert_eq!(times(Capture::from_reader("spool", reader)), all);
    writing.join().unwrap();
    // Where nobody reads any more, nobody waits.
    assert!(!history.wait_for_room());
}
