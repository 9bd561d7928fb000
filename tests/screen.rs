//! The screen in a real terminal: start, resize, suspend, quit, signals, a panic. Needs tmux.
#![cfg(all(unix, feature = "app"))]
#![allow(clippy::print_stderr)]

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use wscope::forge::{Mix, Traffic};
use wscope::model::PacketNo;

/// A tmux server of its own, with a shell in 80 by 24.
struct Terminal {
    socket: String,
}

impl Terminal {
    /// None where there is no tmux: then a test cannot tell.
    fn open(name: &str) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            eprintln!("SKIPPED: tmux is not installed, so the screen was not tried in a terminal");
            assert!(std::env::var_os("WSCOPE_NEED_TMUX").is_none());
            return None;
        }
        let terminal = Self {
            socket: format!("wscope-{name}-{}", std::process::id()),
        };
        let state = Path::new(env!("CARGO_TARGET_TMPDIR")).join("state");
        let state = state.display();
        let shell = format!(
            "exec env RUST_BACKTRACE=0 PS1='ready> ' HISTFILE= LC_ALL=C.UTF-8 WSCOPE_TEST_PANIC=1 XDG_STATE_HOME='{state}' bash --norc --noprofile -i"
        );
        let made = terminal.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "24",
            &shell,
        ]);
        assert!(made.status.success(), "{made:?}");
        terminal.wait("ready>");
        Some(terminal)
    }

    fn tmux(&self, args: &[&str]) -> Output {
        Command::new("tmux")
            .args(["-L", &self.socket])
            .args(args)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap()
    }

    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    fn start(&self, args: &str) {
        self.keys(&[&format!("{} {args}", env!("CARGO_BIN_EXE_wscope")), "Enter"]);
    }

    /// Sends a signal to what runs in the shell.
    /// The process that the shell runs; none where there is no /proc.
    fn child(&self) -> Option<String> {
        let pids = self.tmux(&["display-message", "-p", "#{pane_pid}"]);
        let shell = String::from_utf8_lossy(&pids.stdout).trim().to_owned();
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children"));
        let child = children.ok()?.trim().to_owned();
        Some(child).filter(|child| !child.is_empty())
    }

    /// The greatest memory of that process, in bytes.
    fn peak(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child()?)).ok()?;
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kilobytes: u64 = peak.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kilobytes << 10)
    }

    fn signal(&self, signal: &str) {
        match self.child() {
            Some(child) => {
                let kill = Command::new("kill")
                    .args([&format!("-{signal}"), &child])
                    .status();
                assert!(kill.unwrap().success());
            }
            // The key does the same.
            None => self.keys(&["C-c"]),
        }
    }

    fn screen(&self) -> String {
        String::from_utf8(self.tmux(&["capture-pane", "-p"]).stdout).unwrap()
    }

    /// Waits until this stands on the screen, and answers with all that does.
    fn wait(&self, text: &str) -> String {
        self.until(|screen| screen.contains(text), text)
    }

    fn until(&self, fine: impl Fn(&str) -> bool, what: &str) -> String {
        let begin = Instant::now();
        loop {
            let screen = self.screen();
            if fine(&screen) {
                return screen;
            }
            assert!(
                begin.elapsed() < Duration::from_secs(60),
                "never came: {what}\n{screen}"
            );
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// The normal screen is shown, the mouse is free, and there is a cursor.
    fn is_normal(&self) {
        let begin = Instant::now();
        let given_back = || {
            let asked = "#{alternate_on} #{mouse_any_flag} #{cursor_flag}";
            let mode = self.tmux(&["display-message", "-p", asked]);
            String::from_utf8_lossy(&mode.stdout).trim() == "0 0 1"
        };
        while !given_back() {
            assert!(
                begin.elapsed() < Duration::from_secs(10),
                "no cursor, or the mouse is not free"
            );
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// The shell is there again, on the normal screen, and shows what is typed.
    fn is_given_back(&self, marker: &str) {
        // The last line: what is typed before belongs to the program that ends.
        let ready = |screen: &str| screen.trim_end().ends_with("ready>");
        let screen = self.until(ready, "the prompt");
        assert!(!screen.contains("Enter open"), "{screen}");
        self.is_normal();
        self.keys(&[&format!("echo {marker}-$((40 + 2))"), "Enter"]);
        let screen = self.wait(&format!("{marker}-42"));
        assert!(
            screen.contains(&format!("echo {marker}-$((40 + 2))")),
            "no echo:\n{screen}"
        );
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

const SHOWN: &str = "hello from the browser";

#[test]
fn start_resize_suspend_and_quit() {
    let Some(terminal) = Terminal::open("life") else {
        return;
    };
    terminal.start("captures/tour.pcapng");
    terminal.wait(SHOWN);
    terminal.tmux(&["resize-window", "-x", "160", "-y", "50"]);
    let is_wide = |screen: &str| screen.lines().any(|line| line.chars().count() > 100);
    terminal.until(
        |screen| is_wide(screen) && screen.contains(SHOWN),
        "all of it, wide",
    );
    terminal.tmux(&["resize-window", "-x", "80", "-y", "24"]);
    terminal.keys(&["C-z"]);
    terminal.wait("Stopped");
    terminal.is_given_back("aside");
    // More than once: who reads keys and who draws must not get in each other's way.
    for _ in 0..3 {
        terminal.keys(&["clear; fg", "Enter"]);
        terminal.until(
            |screen| screen.contains(SHOWN) && screen.contains("Enter open"),
            "back",
        );
        terminal.keys(&["C-z"]);
        terminal.wait("Stopped");
    }
    terminal.keys(&["clear; fg", "Enter"]);
    terminal.wait("Enter open");
    terminal.keys(&["q"]);
    terminal.is_given_back("quit");
}

#[test]
fn signals_and_panics_give_the_terminal_back() {
    let Some(terminal) = Terminal::open("end") else {
        return;
    };
    for signal in ["TERM", "INT", "HUP"] {
        terminal.keys(&["clear", "Enter"]);
        terminal.start("captures/tour.pcapng");
        terminal.wait(SHOWN);
        terminal.signal(signal);
        terminal.is_given_back(signal);
    }
    terminal.keys(&["clear", "Enter"]);
    terminal.start("captures/tour.pcapng");
    terminal.wait(SHOWN);
    terminal.keys(&["F12"]);
    terminal.is_given_back("panic");
    assert!(terminal.screen().contains("asked to"), "why it panicked");
}

/// Who ignores SIGHUP is not told that the terminal is gone: it must not wait for it busily, or for ever.
#[test]
fn it_ends_with_its_terminal_though_it_ignores_the_signal() {
    let Some(terminal) = Terminal::open("gone") else {
        return;
    };
    terminal.keys(&["trap '' HUP", "Enter"]);
    terminal.start("captures/tour.pcapng");
    terminal.wait(SHOWN);
    let Some(child) = terminal.child() else {
        eprintln!("SKIPPED: without /proc nobody can tell whether it has ended");
        return;
    };
    terminal.tmux(&["kill-server"]);
    let begin = Instant::now();
    let comm = Path::new("/proc").join(&child).join("comm");
    while std::fs::read_to_string(&comm).is_ok_and(|name| name.trim() == "wscope") {
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "process {child} is still there"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn it_opens_at_an_event_with_a_filter_and_copies() {
    let Some(terminal) = Terminal::open("at") else {
        return;
    };
    terminal.tmux(&["set", "-g", "set-clipboard", "on"]);
    assert!(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("captures/tour.pcapng")
            .exists()
    );
    terminal.start("captures/tour.pcapng --ascii --at 17.1 -Y websocket.payload.text");
    let screen = terminal.until(
        |screen| {
            screen.contains("ws.message 17.1")
                && screen.contains("filtered")
                && screen.contains("payload, 22 B")
        },
        "the event",
    );
    assert!(!screen.contains("HTTP GET"), "filtered away:\n{screen}");
    assert!(screen.is_ascii(), "{screen}");
    terminal.keys(&["y"]);
    terminal.wait("22 characters copied");
    let buffer = terminal.tmux(&["show-buffer"]);
    assert_eq!(String::from_utf8_lossy(&buffer.stdout), SHOWN);
    terminal.keys(&["q"]);
    terminal.is_given_back("quit");
}

#[test]
fn a_lesson_is_shown_step_by_step() {
    let Some(terminal) = Terminal::open("lesson") else {
        return;
    };
    terminal.start("lesson 6 --lang en");
    let first = terminal.wait("step 1 of 5");
    assert!(
        first.contains("Unmask it by hand") && first.contains("q quit"),
        "{first}"
    );
    assert!(first.lines().any(|line| line.starts_with('▶')), "{first}");
    terminal.keys(&["Space"]);
    terminal.wait("step 2 of 5");
    terminal.keys(&["Right", "Right", "BSpace"]);
    terminal.wait("step 3 of 5");
    terminal.keys(&["End"]);
    terminal.wait("step 5 of 5");
    terminal.keys(&["1"]);
    terminal.wait("step 1 of 5");
    terminal.keys(&["q"]);
    terminal.is_given_back("quit");

    terminal.start("lesson 6 --lang zh");
    terminal.wait("第 1 步，共 5 步");
    terminal.tmux(&["resize-window", "-x", "160", "-y", "50"]);
    terminal.until(
        |screen| screen.lines().any(|line| line.chars().count() > 100),
        "a wide page",
    );
    terminal.signal("TERM");
    terminal.is_given_back("ended");
}

/// `WSCOPE_SCREEN_MB=1000 cargo test --release --test screen large` is the large one.
#[test]
fn a_large_file_is_read_while_keys_are_answered() {
    let Some(terminal) = Terminal::open("large") else {
        return;
    };
    let megabytes = std::env::var("WSCOPE_SCREEN_MB").map_or(60, |text| text.parse().unwrap());
    let file = tempfile::Builder::new()
        .suffix(".pcapng")
        .tempfile()
        .unwrap();
    let out = std::io::BufWriter::new(file.reopen().unwrap());
    let mut out = wscope::source::PcapngWriter::new(out).unwrap();
    let mut traffic = Traffic::new(Mix::Chat, 1, megabytes * 1_000_000);
    for packet in &mut traffic {
        out.packet(&packet.numbered(PacketNo::FIRST)).unwrap();
    }
    out.flush().unwrap();
    let size = file.path().metadata().unwrap().len();
    terminal.start(file.path().to_str().unwrap());
    // The first rows, and answers to keys, long before all of it is read.
    let is_loading = |screen: &str| {
        screen
            .lines()
            .next()
            .is_some_and(|title| title.contains("reading"))
    };
    let first = terminal.until(|screen| screen.contains("HTTP GET"), "the first rows");
    assert!(is_loading(&first), "shown only when all was read:\n{first}");
    terminal.keys(&["?"]);
    let help = terminal.wait("keys of the pane");
    assert!(is_loading(&help), "keys had to wait:\n{help}");
    terminal.keys(&["Escape"]);
    let packets = traffic.sums().packets;
    let all = format!("{packets} packets,");
    terminal.until(|screen| screen.contains(&all) && !is_loading(screen), &all);
    let peak = terminal.peak();
    eprintln!("{size} bytes, {packets} packets: peak {peak:?} bytes");
    let most = (64 << 20) + size / 4;
    assert!(peak.is_none_or(|peak| peak < most), "{peak:?} of {size}");
    let begin = std::time::Instant::now();
    terminal.keys(&["/", "no such words", "Enter"]);
    terminal.wait("nothing found: no such words");
    let megabytes = size as f64 / 1e6 / begin.elapsed().as_secs_f64();
    eprintln!("all payloads searched at {megabytes:.0} MB/s");
    terminal.keys(&["q"]);
    terminal.is_given_back("quit");
}
