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
        "16 segments of 64 kB do not hold 1 MB of packets and their blocks"
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
    assert_eq!(drops.get(), 2000 - fit);
}
