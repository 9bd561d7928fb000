//! Live capture between real peers: namespaces, a cable, and every way it can end.
//!
//! Needs root, `ip`, and Python's `websockets`; what is missing is said, and with `WSCOPE_NEED_LIVE`
//! it is a failure.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr)] // What is skipped, and what was measured, is said.

mod lab;

use lab::{Ended, Lab, Log, WSCOPE, Wscope, run, skip, status};
use serde_json::Value;
use std::io::Seek as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const MESSAGES: &[&str] = &["--json", "--events", "ws.message", "tcp port 9000"];

/// What a message carries, whoever says so.
fn payload(line: &Value) -> (Option<&str>, Option<&str>) {
    (line["text"].as_str(), line["base64"].as_str())
}

fn json(ended: &Ended) -> Vec<(f64, Value)> {
    let parse = |(at, line): &(f64, String)| (*at, serde_json::from_str(line).unwrap());
    ended.lines.iter().map(parse).collect()
}

/// Reads a capture with wscope itself, which names every fault, and with tshark where there is one.
fn assert_whole(file: &Path) -> u64 {
    let stats = run(
        WSCOPE,
        &["stats", "--json", "--totals", file.to_str().unwrap()],
    )
    .unwrap();
    let stats: Value = serde_json::from_str(stats.trim()).unwrap();
    let packets = stats["packets"].as_u64().unwrap();
    if Command::new("tshark")
        .arg("-v")
        .stdout(Stdio::null())
        .status()
        .is_ok()
    {
        let list = run(
            "tshark",
            &[
                "-r",
                file.to_str().unwrap(),
                "-T",
                "fields",
                "-e",
                "frame.number",
            ],
        );
        assert_eq!(list.unwrap().lines().count() as u64, packets);
    }
    packets
}

/// Messages and their answers, and that nothing is on its way any more: one close frame of each side
/// for each connection.
fn wait_for_closes(live: &mut Wscope, connections: usize) {
    live.wait_until("\"kind\":\"close\"", 2 * connections);
}

/// The same, where lines are text.
fn wait_for_close_lines(live: &mut Wscope, connections: usize) {
    live.wait_until(" close ", 2 * connections);
}

/// What was seen is what both endpoints say that they sent and got, in order.
fn assert_as_told(seen: &[(f64, Value)], said: &[Value], server: &Log) {
    // The server gets and sends as often as the client sends and gets.
    let logged: Vec<Value> = server
        .until(|lines| lines.len() >= said.len())
        .iter()
        .map(|(_, line)| serde_json::from_str(line).unwrap())
        .collect();
    for (dir, log, who, what) in [
        ("c2s", said, "client", "sent"),
        ("c2s", &*logged, "server", "got"),
        ("s2c", &*logged, "server", "sent"),
        ("s2c", said, "client", "got"),
    ] {
        let seen: Vec<_> = seen
            .iter()
            .filter(|(_, it)| it["dir"] == dir && (it["kind"] == "text" || it["kind"] == "binary"))
            .map(|(_, it)| payload(it))
            .collect();
        let told: Vec<_> = log
            .iter()
            .filter(|it| it["who"] == who && it["do"] == what)
            .map(payload)
            .collect();
        assert!(told.len() >= 40);
        assert!(
            seen == told,
            "{dir}: {} seen, {} {what} by the {who}",
            seen.len(),
            told.len()
        );
    }
}

#[test]
fn tls_is_opened_with_keys_that_are_written_meanwhile() {
    let Some(mut lab) = Lab::new() else { return };
    let Some(keys) = lab.secure() else { return };
    let Some(server) = lab.serve() else { return };
    let mut live = lab.live(&[&["--keylog", keys.to_str().unwrap()], MESSAGES].concat());
    let mut said = lab.talk(40, 0.01, 70_000);
    // Another connection, with secrets of its own.
    said.extend(lab.talk(5, 0.0, 100));
    wait_for_closes(&mut live, 2);
    live.signal("INT");
    let ended = live.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_as_told(&json(&ended), &said, &server);
}

#[test]
fn messages_are_those_of_the_endpoints_and_come_in_time() {
    let Some(mut lab) = Lab::new() else { return };
    let Some(server) = lab.serve() else { return };
    let mut live = lab.live(MESSAGES);
    let mut said = lab.talk(40, 0.01, 70_000);
    let mut connections = 1;
    if let Some(more) = lab.talk_node(9) {
        said.extend(more);
        connections += 1;
    }
    wait_for_closes(&mut live, connections);
    live.signal("INT");
    let ended = live.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let seen = json(&ended);
    assert_as_told(&seen, &said, &server);
    // From the endpoint's hand to our line.
    let mut late: Vec<_> = seen
        .iter()
        .filter(|(_, it)| it["dir"] == "c2s" && it["complete"] == true && it["kind"] != "close")
        .zip(said.iter().filter(|it| it["do"] == "sent"))
        .map(|((at, _), sent)| at - sent["t"].as_f64().unwrap())
        .collect();
    late.sort_by(f64::total_cmp);
    let (median, worst) = (late[late.len() / 2], late[late.len() - 1]);
    eprintln!(
        "from send() to the printed line: median {:.1} ms, worst {:.1} ms",
        median * 1e3,
        worst * 1e3
    );
    // How late they are is measured where nothing else runs; here only that nothing waits for something
    // else to come, or for the end. dumpcap hands packets over when it thinks fit.
    let quiet = std::env::var_os("WSCOPE_QUIET_MACHINE").is_some();
    let limit = match (quiet, cfg!(feature = "live")) {
        (true, true) => 0.1,
        (true, false) => 1.0,
        (false, _) => 10.0,
    };
    assert!(median < limit, "{median} s");
}

#[test]
fn what_parses_has_no_rights_left() {
    let Some(lab) = Lab::new() else { return };
    let live = lab.live(&[]);
    let nobody = run("id", &["-u", "nobody"]).unwrap().trim().to_owned();
    let ids = [nobody.as_str(); 4].join("\t");
    assert_eq!(
        (live.status("Uid"), live.status("Groups").is_empty()),
        (ids.clone(), false)
    );
    assert!(
        !live
            .status("Groups")
            .split_whitespace()
            .any(|group| group == "0")
    );
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(live.status(set), "0000000000000000", "{set}");
    }
    assert_eq!(
        (
            live.status("NoNewPrivs").as_str(),
            live.status("Seccomp").as_str()
        ),
        ("1", "2")
    );
    let child = live.children();
    assert_eq!(child.len(), 1, "one process captures");
    if cfg!(feature = "live") {
        // It needs none either once the device is open.
        assert_eq!(status(child[0], "Uid"), ids);
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(status(child[0], set), "0000000000000000", "{set}");
        }
        assert_eq!(
            (
                status(child[0], "NoNewPrivs").as_str(),
                status(child[0], "Seccomp").as_str()
            ),
            ("1", "2")
        );
    }
    live.signal("TERM");
    assert_eq!(live.wait().code, Some(0));
    assert!(
        !Path::new(&format!("/proc/{}", child[0])).exists(),
        "it outlives its parent"
    );
}

#[test]
fn who_called_sudo_is_who_parses_and_owns_the_file() {
    use std::os::unix::fs::MetadataExt as _;
    let Some(lab) = Lab::new() else { return };
    let file = lab.path("sudo.pcapng");
    let mut command = lab.command(&lab.client, WSCOPE);
    command.env("SUDO_UID", "12345").env("SUDO_GID", "23456");
    command.args([
        "live",
        "-i",
        "veth0",
        "--print",
        "-w",
        file.to_str().unwrap(),
    ]);
    let live = Wscope::start(command);
    assert_eq!(live.status("Uid"), ["12345"; 4].join("\t"));
    assert_eq!(live.status("Gid"), ["23456"; 4].join("\t"));
    live.signal("INT");
    assert_eq!(live.wait().code, Some(0));
    let meta = file.metadata().unwrap();
    assert_eq!((meta.uid(), meta.gid()), (12345, 23456));
}

#[test]
fn what_is_confined_opens_starts_and_reaches_nothing() {
    if run("id", &["-u"]).unwrap().trim() != "0" {
        return skip("not root");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("open to all");
    std::fs::write(&file, "x").unwrap();
    run("chmod", &["-R", "777", folder.path().to_str().unwrap()]).unwrap();
    for args in [&["try-confined"][..], &["try-confined", "--captures"]] {
        let output = Command::new(WSCOPE)
            .args(args)
            .arg(&file)
            .arg("/etc/passwd")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lacks = String::from_utf8(output.stderr).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 6, "{text}");
        assert_eq!(lines[5], "count in a thread: Some(1048576)");
        if lacks.is_empty() {
            assert!(
                lines[..2]
                    .iter()
                    .all(|line| line.contains("Permission denied")),
                "{text}"
            );
        } else {
            skip(&format!("here {lacks}"));
        }
        assert!(
            lines[2..5].iter().all(|line| !line.ends_with("done")),
            "{text}"
        );
    }
}

#[test]
fn without_rights_the_cause_and_both_cures_are_named() {
    let Some(lab) = Lab::new() else { return };
    // Where others may get at it.
    let program = lab.path("wscope");
    std::fs::copy(WSCOPE, &program).unwrap();
    run("chmod", &["755", program.to_str().unwrap()]).unwrap();
    let mut command = lab.command(&lab.client, "setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    let output = command
        .arg(&program)
        .args(["live", "-i", "veth0", "--print"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    for word in [
        "veth0",
        "not",
        "sudo",
        "setcap cap_net_raw,cap_net_admin=eip",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn with_setcap_anyone_captures_and_keeps_no_right() {
    let Some(lab) = Lab::new() else { return };
    if !cfg!(feature = "live") {
        return eprintln!(
            "SKIPPED, not tested: without libpcap it is tcpdump that needs the rights"
        );
    }
    let program = lab.path("wscope");
    std::fs::copy(WSCOPE, &program).unwrap();
    let program = program.to_str().unwrap();
    run("chmod", &["755", program]).unwrap();
    if let Err(error) = run("setcap", &["cap_net_raw,cap_net_admin=eip", program]) {
        return eprintln!("SKIPPED, not tested: {error}");
    }
    let mut command = lab.command(&lab.client, "setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    command.args([program, "live", "-i", "veth0", "--print"]);
    let live = Wscope::start(command);
    let child = live.children();
    if live.status("State").starts_with('Z') {
        let ended = live.wait();
        // A file system may be mounted so that its files give no rights.
        assert!(ended.stderr.contains("setcap"), "{}", ended.stderr);
        return eprintln!("SKIPPED, not tested: files give no rights here");
    }
    assert_eq!(child.len(), 1, "one process captures");
    for pid in [live.child.id(), child[0]] {
        assert_eq!(status(pid, "Uid"), ["65534"; 4].join("\t"));
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(status(pid, set), "0000000000000000", "{set}");
        }
        assert_eq!(status(pid, "NoNewPrivs"), "1");
    }
    live.signal("INT");
    let ended = live.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_device_that_is_not_there_and_a_filter_that_is_none() {
    let Some(lab) = Lab::new() else { return };
    for (args, word) in [
        (&["-i", "nix7"][..], "nix7"),
        (&["-i", "veth0", "prt 7"], "prt 7"),
    ] {
        let mut command = lab.command(&lab.client, WSCOPE);
        let output = command
            .args(["live", "--print"])
            .args(args)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(word), "{text}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn interfaces_are_listed_with_their_addresses() {
    let Some(lab) = Lab::new() else { return };
    let output = lab
        .command(&lab.client, WSCOPE)
        .arg("interfaces")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|line| line.starts_with("veth0")).unwrap();
    assert!(line.contains(" up ") && line.contains("10.8.0.1"), "{text}");
}

#[test]
fn files_turn_by_size_and_the_oldest_go() {
    let Some(lab) = Lab::serving() else { return };
    let folder = lab.path("turning");
    std::fs::create_dir(&folder).unwrap();
    run("chmod", &["777", folder.to_str().unwrap()]).unwrap();
    let file = folder.join("trace.pcapng");
    let file = file.to_str().unwrap();
    let mut live = lab.live(&[
        "-w",
        file,
        "--rotate-size",
        "40k",
        "--rotate-files",
        "3",
        "--events",
        "ws.message",
    ]);
    lab.talk(60, 0.0, 12_000);
    // Lines come after their packets were written.
    wait_for_close_lines(&mut live, 1);
    live.signal("INT");
    let ended = live.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    files.sort();
    assert_eq!(files.len(), 3, "{files:?}");
    let name = |file: &Path| file.file_name().unwrap().to_string_lossy().into_owned();
    assert!(!name(&files[0]).starts_with("trace_00001_"), "{files:?}");
    for file in &files {
        assert!(assert_whole(file) > 0);
        assert!(file.metadata().unwrap().len() <= 80 << 10, "{file:?}");
    }
}

#[test]
fn however_it_ends_the_file_is_whole() {
    let Some(lab) = Lab::serving() else { return };
    for signal in ["INT", "TERM", "HUP"] {
        let file = lab.path(&format!("{signal}.pcapng"));
        let mut live = lab.live(&["-w", file.to_str().unwrap(), "--events", "ws.message"]);
        lab.talk(5, 0.0, 100);
        wait_for_close_lines(&mut live, 1);
        live.signal(signal);
        let ended = live.wait();
        assert_eq!(
            (ended.code, ended.stderr.as_str()),
            (Some(0), ""),
            "{signal}"
        );
        assert_eq!(
            ended.lines.len(),
            12,
            "five messages, their answers, two closes: {signal}"
        );
        assert!(assert_whole(&file) >= 16);
    }
    // Enough packets.
    let file = lab.path("count.pcapng");
    let live = lab.live(&["-w", file.to_str().unwrap(), "-c", "9", "tcp"]);
    lab.talk(5, 0.0, 100);
    assert_eq!(live.wait().code, Some(0));
    assert_eq!(assert_whole(&file), 9);
    // Enough time.
    assert_eq!(lab.live(&["--duration", "200ms"]).wait().code, Some(0));
    // Enough bytes.
    let live = lab.live(&["--max-bytes", "2k"]);
    lab.talk(5, 0.0, 1000);
    assert_eq!(live.wait().code, Some(0));
    // Whoever read the lines has gone.
    let mut live = lab.live_unread(MESSAGES);
    drop(live.child.stdout.take());
    lab.talk(5, 0.0, 100);
    let ended = live.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

/// A disk of 256 kB, gone when dropped; none, said aloud, where it cannot be made.
struct Disk(String);

impl Disk {
    fn new(lab: &Lab) -> Option<Self> {
        let disk = lab.path("disk");
        std::fs::create_dir(&disk).unwrap();
        let disk = disk.to_str().unwrap().to_owned();
        let options = "size=256k,mode=777";
        match run("mount", &["-t", "tmpfs", "-o", options, "tmpfs", &disk]) {
            Ok(_) => Some(Self(disk)),
            Err(error) => {
                skip(&format!("no small disk: {error}"));
                None
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = run("umount", &[&self.0]);
    }
}

#[test]
fn a_full_disk_ends_it_and_leaves_a_whole_file() {
    let Some(lab) = Lab::serving() else { return };
    let Some(disk) = Disk::new(&lab) else { return };
    let file = Path::new(&disk.0).join("full.pcapng");
    for findings in [false, true] {
        let mut args = vec!["-w", file.to_str().unwrap(), "--events", "ws.open"];
        args.extend(findings.then_some("--findings"));
        let live = lab.live(&args);
        lab.talk(30, 0.0, 50_000);
        let ended = live.wait();
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("full.pcapng") && ended.stderr.contains("No space left"),
            "{}",
            ended.stderr
        );
        let packets = assert_whole(&file);
        assert!(packets > 5, "{packets}");
    }
}

#[test]
fn a_disk_too_small_for_the_spool_ends_it_and_leaves_a_whole_file() {
    let Some(lab) = Lab::serving() else { return };
    let Some(disk) = Disk::new(&lab) else { return };
    let file = lab.path("whole.pcapng");
    let spool = ["--spool-dir", &disk.0, "--spool", "1G"];
    let file = ["-w", file.to_str().unwrap()];
    let live = lab.live(&[&spool[..], &file, &["--events", "ws.open"]].concat());
    lab.talk(30, 0.0, 50_000);
    let ended = live.wait();
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for word in ["spool", "No space left", "--spool-dir"] {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
    // What was there before is looked at.
    assert!(!ended.lines.is_empty());
    assert!(assert_whole(Path::new(file[1])) > 5);
}

/// What is written where nobody else may.
#[test]
fn a_file_that_cannot_be_made_is_named() {
    let Some(lab) = Lab::new() else { return };
    let mut command = lab.command(&lab.client, WSCOPE);
    let output = command
        .args([
            "live",
            "-i",
            "veth0",
            "--print",
            "-w",
            "/proc/nowhere/x.pcapng",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("/proc/nowhere/x.pcapng"), "{text}");
    // Root may make the first one there, and who remains not the second.
    let folder = lab.path("for root");
    std::fs::create_dir(&folder).unwrap();
    run("chmod", &["755", folder.to_str().unwrap()]).unwrap();
    let file = folder.join("x.pcapng");
    let mut command = lab.command(&lab.client, WSCOPE);
    let output = command
        .args([
            "live",
            "-i",
            "veth0",
            "--print",
            "--rotate-size",
            "1M",
            "-w",
        ])
        .arg(&file)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("for root"), "{text}");
    assert!(text.contains("could not begin the next file"), "{text}");
}

#[test]
fn a_terminal_that_is_closed_ends_it_and_leaves_a_whole_file() {
    use std::io::Write as _;
    let Some(lab) = Lab::serving() else { return };
    let file = lab.path("closed.pcapng");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/closed.py");
    let mut command = lab.command(&lab.client, "python3");
    let mut child = command
        .arg(script)
        .args([WSCOPE, "live", "-i", "veth0", "-w", file.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let log = Log::of(child.stdout.take().unwrap());
    log.wait_for("ready");
    lab.talk(5, 0.0, 100);
    let end = Instant::now() + lab::PATIENCE;
    while std::fs::metadata(&file).map_or(0, |it| it.len()) < 2000 {
        assert!(Instant::now() < end, "nothing is written");
        thread::sleep(Duration::from_millis(10));
    }
    child.stdin.take().unwrap().write_all(b"close\n").unwrap();
    log.wait_for("ended 0");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(assert_whole(&file) >= 16);
}

#[test]
fn an_interface_that_goes_away_is_named() {
    let Some(lab) = Lab::serving() else { return };
    let file = lab.path("gone.pcapng");
    let mut live = lab.live(&["-w", file.to_str().unwrap(), "--events", "ws.message"]);
    lab.talk(5, 0.0, 100);
    wait_for_close_lines(&mut live, 1);
    run("ip", &["-n", &lab.client, "link", "del", "veth0"]).unwrap();
    let ended = live.wait();
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("interface") || ended.stderr.contains("veth0"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.lines.len(), 12);
    assert!(assert_whole(&file) >= 16);
}

#[test]
fn a_reader_that_stands_still_costs_what_the_spool_cannot_hold_and_says_so() {
    let Some(lab) = Lab::serving() else { return };
    let file = lab.path("all.pcapng");
    // The smallest spool there is: one megabyte.
    let live = lab.live_unread(&[
        "--spool",
        "1",
        "-w",
        file.to_str().unwrap(),
        "--json",
        "--events",
        "ws,anomaly,finding",
    ]);
    lab.talk(60, 0.0, 200_000);
    // The file has it all, though nobody reads the lines.
    let whole = || {
        let file = file.to_str().unwrap();
        let all = run(WSCOPE, &["print", "--json", "--events", "ws.message", file]);
        let all = all.unwrap();
        all.lines()
            .filter(|line| line.contains("\"complete\":true"))
            .count()
    };
    let end = Instant::now() + lab::PATIENCE;
    while whole() < 122 {
        assert!(Instant::now() < end, "{} of 122 messages", whole());
        thread::sleep(Duration::from_millis(100));
    }
    live.signal("INT");
    let ended = live.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let seen = json(&ended);
    let dropped = seen
        .iter()
        .filter(|(_, it)| it["what"] == "dropped")
        .count();
    assert!(
        dropped > 0,
        "nothing was dropped: is the spool larger than it says?"
    );
    let blamed: Vec<_> = seen
        .iter()
        .filter(|(_, it)| it["verdict"] == "fail" && it["severity"] == "error")
        .collect();
    assert!(blamed.is_empty(), "{blamed:?}");
    // Whatever was dropped is counted, where it happened and at the end.
    let counted = seen.iter().filter(|(_, it)| it["what"] == "dropped");
    let counted: u64 = counted.map(|(_, it)| it["packets"].as_u64().unwrap()).sum();
    let said: u64 = ended
        .stderr
        .split_whitespace()
        .find_map(|word| word.parse().ok())
        .unwrap_or_default();
    assert!(
        0 < counted && counted <= said,
        "{counted} of {said}: {}",
        ended.stderr
    );
}

#[test]
fn what_comes_through_a_pipe_or_grows_is_read_as_it_comes() {
    let Some(lab) = Lab::serving() else { return };
    let file = lab.path("growing.pcap");
    std::fs::write(&file, "").unwrap();
    let capture = lab.live(&["-w", file.to_str().unwrap()]);
    let mut command = Command::new(WSCOPE);
    command.args([
        "live",
        "--follow",
        file.to_str().unwrap(),
        "--print",
        "--events",
        "ws.message",
    ]);
    let mut follow = Wscope::start(command);
    lab.talk(5, 0.0, 100);
    wait_for_close_lines(&mut follow, 1);
    follow.signal("INT");
    let ended = follow.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(ended.lines.len(), 12);
    capture.signal("INT");
    assert_eq!(capture.wait().code, Some(0));

    let mut command = Command::new(WSCOPE);
    command.args(["live", "-", "--print", "--events", "ws.message"]);
    command.stdin(std::fs::File::open(&file).unwrap());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().lines().count(),
        12
    );
}

#[test]
fn who_writes_into_a_pipe_waits_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.pcap");
    let file = file.to_str().unwrap();
    // Several times the smallest spool, a megabyte.
    run(
        WSCOPE,
        &[
            "gen",
            "-o",
            file,
            "--messages",
            "6000",
            "--size",
            "1000",
            "--seed",
            "7",
        ],
    )
    .unwrap();
    assert!(std::fs::metadata(file).unwrap().len() > 5 << 20);
    let want = ["--json", "--events", "ws.message,anomaly"];
    let all = run(WSCOPE, &[&["print", file], &want[..]].concat()).unwrap();
    assert!(all.lines().count() > 5000);
    for args in [&["-"][..], &["--follow", file]] {
        let mut input = std::fs::File::open(file).unwrap();
        let mut command = Command::new(WSCOPE);
        command.args(["live", "--print", "--spool", "1"]).args(args);
        let mut child = command
            .args(want)
            .stdin(input.try_clone().unwrap())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Nobody reads the lines before more has come than there is room for.
        let end = Instant::now() + lab::PATIENCE;
        while args == ["-"] && input.stream_position().unwrap() < 3 << 19 {
            assert!(Instant::now() < end);
            thread::sleep(Duration::from_millis(5));
        }
        let log = Log::of(child.stdout.take().unwrap());
        let lines = log.until(|lines| lines.len() >= all.lines().count());
        assert!(lines.iter().map(|(_, line)| line.as_str()).eq(all.lines()));
        run("kill", &["-INT", &child.id().to_string()]).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert!(log.rest().is_empty());
    }
}
