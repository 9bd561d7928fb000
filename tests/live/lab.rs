//! Two network namespaces joined by a cable, and programs in them.

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub const SERVER: &str = "10.8.0.2";

/// Two namespaces, `veth0` in each. Taken down when dropped.
pub struct Lab {
    pub client: String,
    pub server: String,
    children: Vec<Child>,
    pub folder: tempfile::TempDir,
    tls: bool,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Says why a test does not run; where it has to, it fails.
pub fn skip(why: &str) {
    assert!(
        std::env::var_os("WSCOPE_NEED_LIVE").is_none(),
        "WSCOPE_NEED_LIVE is set, but {why}"
    );
    eprintln!("SKIPPED, not tested: {why}");
}

pub fn run(program: &str, args: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(args)
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(format!("{program} {args:?}: {}", text(&output.stderr))),
    }
}

/// The program that is tested.
pub const WSCOPE: &str = env!("CARGO_BIN_EXE_wscope");

impl Lab {
    /// None, said aloud, where it cannot be built.
    pub fn new() -> Option<Self> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = |side| format!("wscope-{}-{number}{side}", std::process::id() % 100_000);
        let lab = Self {
            client: name('c'),
            server: name('s'),
            children: Vec::new(),
            folder: tempfile::tempdir().unwrap(),
            tls: false,
        };
        // What has given up root still writes there.
        run("chmod", &["777", lab.folder.path().to_str().unwrap()]).unwrap();
        let (client, server) = (lab.client.as_str(), lab.server.as_str());
        let mut steps = vec![
            vec!["netns", "add", client],
            vec!["netns", "add", server],
            vec![
                "link", "add", "veth0", "netns", client, "type", "veth", "peer", "name", "veth0",
                "netns", server,
            ],
        ];
        for (ns, address) in [(client, "10.8.0.1/24"), (server, "10.8.0.2/24")] {
            steps.push(vec!["-n", ns, "addr", "add", address, "dev", "veth0"]);
            steps.push(vec!["-n", ns, "link", "set", "lo", "up"]);
            steps.push(vec!["-n", ns, "link", "set", "veth0", "up"]);
        }
        for step in &steps {
            if let Err(error) = run("ip", step) {
                skip(&format!("no network namespaces: {error}"));
                return None;
            }
        }
        Some(lab)
    }

    /// From here on the Python peers speak TLS; the client's secrets go to this file, which is there.
    /// None, said aloud, where there is no openssl to make a certificate.
    pub fn secure(&mut self) -> Option<PathBuf> {
        let file = |name| self.path(name).display().to_string();
        let (cert, key) = (file("cert.pem"), file("key.pem"));
        let made = run(
            "openssl",
            &[
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-subj",
                "/CN=wscope.test",
                "-out",
                &cert,
                "-keyout",
                &key,
            ],
        );
        if let Err(error) = made {
            skip(&format!("no certificate: {error}"));
            return None;
        }
        self.tls = true;
        let log = self.path("keys.log");
        std::fs::write(&log, "").unwrap();
        Some(log)
    }

    /// One of Python's peers in a namespace, not started yet.
    fn python_peer(&self, namespace: &str, python: &str) -> Command {
        let mut command = self.command(namespace, python);
        command.arg(peer("peer.py"));
        if self.tls {
            command.env("PEER_TLS", self.folder.path());
        }
        command
    }

    /// A program in a namespace, not started yet.
    pub fn command(&self, namespace: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace, program]);
        command
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts `wscope live` at the client, and waits until it captures.
    pub fn live(&self, args: &[&str]) -> Wscope {
        let mut command = self.command(&self.client, WSCOPE);
        command.args(["live", "-i", "veth0", "--print"]).args(args);
        Wscope::start(command)
    }

    /// The same, and nobody reads its lines before its end.
    pub fn live_unread(&self, args: &[&str]) -> Wscope {
        let mut command = self.command(&self.client, WSCOPE);
        command.args(["live", "-i", "veth0", "--print"]).args(args);
        Wscope::start_unread(command)
    }

    /// One with a server whose log nobody reads.
    pub fn serving() -> Option<Self> {
        let mut lab = Self::new()?;
        lab.serve()?;
        Some(lab)
    }

    /// Starts the server; false, said aloud, where there is none.
    pub fn serve(&mut self) -> Option<Log> {
        let python = python()?;
        let mut command = self.python_peer(&self.server, &python);
        let mut child = command
            .args(["server", "9000"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Log::of(child.stdout.take().unwrap());
        self.children.push(child);
        log.wait_for("ready");
        Some(log)
    }

    /// Runs a client to its end: so many messages, seconds between them, and the size of the large ones.
    pub fn talk(&self, count: usize, gap: f64, size: usize) -> Vec<Value> {
        let python = python().unwrap();
        let mut command = self.python_peer(&self.client, &python);
        command.args(["client", SERVER, "9000"]);
        command.args([count.to_string(), gap.to_string(), size.to_string()]);
        said(command)
    }

    /// The same with Node's `ws`; none, said aloud, where it is missing.
    pub fn talk_node(&self, count: usize) -> Option<Vec<Value>> {
        let modules = peers().join("node_modules");
        let path =
            std::env::join_paths([modules.as_path(), Path::new("/usr/share/nodejs")]).unwrap();
        let found = Command::new("node")
            .args(["-e", "require('ws')"])
            .env("NODE_PATH", &path)
            .stderr(Stdio::null())
            .status();
        if !found.is_ok_and(|status| status.success()) {
            skip("Node's ws is not installed");
            return None;
        }
        let mut command = self.command(&self.client, "node");
        command.env("NODE_PATH", &path).arg(peer("peer.cjs"));
        command.args([SERVER, "9000", &count.to_string()]);
        Some(said(command))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        for ns in [&self.client, &self.server] {
            let _ = run("ip", &["netns", "del", ns]);
        }
    }
}

fn peer(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/live")
        .join(name)
}

/// Where `.ci/run` puts the peers' libraries.
fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers")
}

/// A Python that has `websockets`; none, said aloud, where there is none.
fn python() -> Option<String> {
    let own = peers().join("venv/bin/python").display().to_string();
    let found = [own.as_str(), "python3", "/usr/bin/python3"]
        .into_iter()
        .find(|python| {
            let mut command = Command::new(python);
            command
                .args(["-c", "import websockets.asyncio.server"])
                .stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        });
    if found.is_none() {
        skip("Python's websockets is not installed");
    }
    found.map(str::to_owned)
}

/// What a program says to its end, line by line.
fn said(mut command: Command) -> Vec<Value> {
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{command:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Lines of a program, and when each came, in seconds since 1970.
pub struct Log {
    lines: Receiver<(f64, String)>,
    /// Lines that were waited for.
    before: Vec<(f64, String)>,
}

/// How long a machine that is very busy may take for what takes milliseconds elsewhere.
pub const PATIENCE: Duration = Duration::from_secs(60);

impl Log {
    pub fn of(from: impl Read + Send + 'static) -> Self {
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                let now = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap()
                    .as_secs_f64();
                // The program goes on where nobody listens.
                let _ = sender.send((now, line));
            }
        });
        let before = Vec::new();
        Self { lines, before }
    }

    pub fn wait_for(&self, word: &str) {
        let end = Instant::now() + PATIENCE;
        while let Ok((_, line)) = self
            .lines
            .recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            if line.contains(word) {
                return;
            }
        }
        panic!("{word:?} never came");
    }

    /// What comes until it is enough, but for no longer than a machine that is very busy may take.
    pub fn until(&self, enough: impl Fn(&[(f64, String)]) -> bool) -> Vec<(f64, String)> {
        let end = Instant::now() + PATIENCE;
        let mut lines: Vec<_> = self.lines.try_iter().collect();
        while !enough(&lines) {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => lines.push(line),
                // Whoever compares says what is missing.
                Err(_) => break,
            }
        }
        lines
    }

    /// Waits until so many lines came that say this; they are kept for the end.
    fn wait_until(&mut self, word: &str, times: usize) {
        let count = |lines: &[(f64, String)]| {
            let said = lines.iter().filter(|(_, line)| line.contains(word));
            said.count()
        };
        let before = count(&self.before);
        let new = self.until(|lines| before + count(lines) >= times);
        self.before.extend(new);
        let came = count(&self.before);
        assert!(came >= times, "{word:?} came {came} times, not {times}");
    }

    /// What comes until the end.
    pub fn rest(self) -> Vec<(f64, String)> {
        self.before.into_iter().chain(self.lines).collect()
    }
}

/// A wscope that captures.
pub struct Wscope {
    pub child: Child,
    log: Option<Log>,
}

/// How one ended.
pub struct Ended {
    pub code: Option<i32>,
    pub lines: Vec<(f64, String)>,
    pub stderr: String,
}

impl Wscope {
    pub fn start(command: Command) -> Self {
        let mut wscope = Self::start_unread(command);
        wscope.log = wscope.child.stdout.take().map(Log::of);
        wscope
    }

    pub fn start_unread(mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let wscope = Self {
            child: command.spawn().unwrap(),
            log: None,
        };
        let end = Instant::now() + PATIENCE;
        // It confines itself once the device is open.
        while wscope.status("Seccomp") != "2" {
            assert!(Instant::now() < end, "wscope does not begin");
            thread::sleep(Duration::from_millis(5));
            if wscope.gone() {
                break;
            }
        }
        wscope
    }

    fn gone(&self) -> bool {
        self.status("State").starts_with('Z')
    }

    /// What the system says of it.
    pub fn status(&self, key: &str) -> String {
        status(self.child.id(), key)
    }

    /// Waits until it has printed so many lines that say this.
    pub fn wait_until(&mut self, word: &str, times: usize) {
        let log = self.log.as_mut().expect("somebody reads its lines");
        log.wait_until(word, times);
    }

    /// The processes that it started.
    pub fn children(&self) -> Vec<u32> {
        let id = self.child.id();
        let list =
            std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        list.split_whitespace()
            .filter_map(|it| it.parse().ok())
            .collect()
    }

    pub fn signal(&self, signal: &str) {
        run(
            "kill",
            &[&format!("-{signal}"), &self.child.id().to_string()],
        )
        .unwrap();
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Ended {
        let lines = self.log.take().or(self.child.stdout.take().map(Log::of));
        let mut stderr = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        let code = self.child.wait().unwrap().code();
        let lines = lines.map(Log::rest).unwrap_or_default();
        Ended {
            code,
            lines,
            stderr,
        }
    }
}

pub fn status(pid: u32, key: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}
