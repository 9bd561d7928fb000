"""The laboratory: network namespaces, captures, peers, and their logs put together."""

import contextlib
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = os.path.join(HERE, "peers")
CAPTURES = os.path.dirname(HERE)
WORK = os.environ["WSCOPE_RECORD"]  # a temporary directory; run.sh makes it
PYTHON = os.path.join(WORK, "venv", "bin", "python")
NODE_HOME = os.path.join(WORK, "node")


def sh(command):
    subprocess.run(command, shell=True, check=True)


class Namespace:
    """A network namespace with its loopback up (`name` is private to a lab)."""

    def __init__(self, name):
        self.name = f"wscope-{name}"
        subprocess.run(["ip", "netns", "del", self.name], stderr=subprocess.DEVNULL)
        sh(f"ip netns add {self.name} && ip -n {self.name} link set lo up")

    def sh(self, command):
        subprocess.run(["ip", "netns", "exec", self.name, "sh", "-c", command], check=True)

    def popen(self, command, **kwargs):
        return subprocess.Popen(["ip", "netns", "exec", self.name, *command], **kwargs)


class Outside:
    """No namespace: where wire.py runs, which joins two others."""

    def popen(self, command, **kwargs):
        return subprocess.Popen(command, **kwargs)


class Lab:
    """One scenario: everything started through it is ended with it."""

    def __init__(self, name):
        self.name = name
        self.dir = os.path.join(WORK, "runs", name)
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.outside = Outside()
        self.spaces, self.background, self.count = [], [], 0
        self.log = os.path.join(self.dir, "log.jsonl")
        open(self.log, "w").close()

    # -- the network ------------------------------------------------------

    def ns(self, name="one"):
        self.spaces.append(Namespace(name))
        return self.spaces[-1]

    def pair(self, mtu=1500, six=False, offload=False):
        """Client and server namespaces joined by a veth: 10.7.0.1 and 10.7.0.2."""
        a, b = self.ns("client"), self.ns("server")
        sh(f"ip link add veth0 netns {a.name} type veth peer name veth0 netns {b.name}")
        for i, n in enumerate((a, b), 1):
            n.sh(f"ip link set veth0 address 02:00:00:00:07:0{i} mtu {mtu}; ip addr add 10.7.0.{i}/24 dev veth0")
            if six:
                n.sh(f"ip addr add fd07::{i}/64 dev veth0 nodad")
            else:
                n.sh("sysctl -qw net.ipv6.conf.veth0.disable_ipv6=1")
            if not offload:  # packets as they are on a wire: no larger than the MTU
                n.sh("ethtool -K veth0 tso off gso off gro off >/dev/null")
            n.sh("ip link set veth0 up")
        a.sh("ping -c1 -W2 10.7.0.2 >/dev/null 2>&1 || true")  # ARP before the capture
        time.sleep(0.2)
        return a, b

    # -- programs ---------------------------------------------------------

    def env(self, **more):
        return {**os.environ, "WSLOG": self.log, "NODE_HOME": NODE_HOME, "PYTHONPATH": PEERS,
                "PYTHONDONTWRITEBYTECODE": "1", **more}

    def command(self, peer, spec):
        self.count += 1
        path = os.path.join(self.dir, f"spec{self.count}.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(spec, f, ensure_ascii=False)
        if peer == "rust":
            return [os.path.join(WORK, "rust", "release", "rust-client"), path]
        run = ["node", "--experimental-websocket", "--no-warnings"] if peer.endswith("js") else [PYTHON]
        return [*run, os.path.join(PEERS, peer), path]

    def start(self, ns, command, ready="ready", env={}, stream="stdout"):
        """Start a program in the background; wait for a line that holds `ready`."""
        p = ns.popen(command, env=self.env(**env), text=True, cwd=self.dir,
                     start_new_session=True, **({stream: subprocess.PIPE} if ready else {}))
        self.background.append(p)
        if ready:
            for line in getattr(p, stream):
                if ready in line:
                    break
            else:
                raise RuntimeError(f"{command} did not start")
        return p

    def server(self, ns, peer, **spec):
        return self.start(ns, self.command(peer, {"role": "server", **spec}))

    def client(self, ns, peer, *sessions, env={}, wait=True, ok=True, **spec):
        """Run a client with these sessions to its end."""
        command = self.command(peer, {"role": "client", "sessions": sessions, **spec})
        p = ns.popen(command, env=self.env(**env), cwd=self.dir, start_new_session=True)
        if not wait:
            self.background.append(p)
            return p
        code = p.wait(120)
        if ok and code:
            raise RuntimeError(f"{peer} ended with {code}")
        return p

    def run(self, ns, command, ok=True):
        """Any program, to its end."""
        p = ns.popen(command, env=self.env(), cwd=self.dir, stdin=subprocess.DEVNULL,
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if p.wait(60) and ok:
            raise RuntimeError(f"{command} failed")

    def stop(self, p):
        if p.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(p.pid, signal.SIGTERM)
            try:
                p.wait(3)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                p.wait()

    def capture_started(self):
        """For captures that begin in the middle of things."""
        with open(self.log, "a") as f:
            f.write(json.dumps({"t": round(time.time(), 6), "do": "capture_started"}) + "\n")

    # -- captures ---------------------------------------------------------

    @contextlib.contextmanager
    def capture(self, ns, device, filter="tcp", suffix="pcapng", tool="dumpcap", options=(), linger=1.0):
        """Capture while the block runs; the file goes to captures/."""
        raw = os.path.join(self.dir, "raw." + suffix)
        devices = device if isinstance(device, (list, tuple)) else [device]
        if tool == "dumpcap":
            command = ["dumpcap", *(x for d in devices for x in ("-i", d)), "-f", filter, "-w", raw, *options]
            if len(devices) > 1:
                command = ["dumpcap", "-f", filter, *(x for d in devices for x in ("-i", d)), "-w", raw, *options]
            ready = "File:"
        else:
            command = ["tcpdump", "-n", "-i", device, "-U", "-Z", "root", "-w", raw, *options, filter]
            ready = "listening on"
        p = ns.popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.background.append(p)
        for line in p.stderr:
            if ready in line:
                break
        else:
            raise RuntimeError("the capture did not start")
        time.sleep(0.5)
        try:
            yield p
            time.sleep(linger)
        finally:
            os.killpg(p.pid, signal.SIGINT)
            said = p.stderr.read()
            p.wait(10)
        drops = re.findall(r"received/dropped on interface .*?: \d+/(\d+)", said) or \
            re.findall(r"(\d+) packets? dropped by", said)
        if not drops or any(int(d) for d in drops):
            raise RuntimeError("the capture dropped packets: " + said)
        out = os.path.join(CAPTURES, f"{self.name}.{suffix}")
        if suffix == "pcapng":
            tidy(raw, out)
        else:
            shutil.copyfile(raw, out)

    # -- the end ----------------------------------------------------------

    def finish(self):
        with open(self.log, encoding="utf-8") as f:
            lines = [line for line in f if line.strip()]
        lines.sort(key=lambda line: json.loads(line)["t"])
        if lines:
            with open(os.path.join(CAPTURES, f"{self.name}.log.jsonl"), "w", encoding="utf-8") as f:
                f.writelines(lines)

    def close(self):
        for p in reversed(self.background):
            self.stop(p)
        for n in self.spaces:
            subprocess.run(["ip", "netns", "del", n.name])


def tidy(source, target):
    """Copy a pcapng file without the options that tell of the recording machine
    (hardware and operating system); packets are untouched."""
    with open(source, "rb") as f:
        data = f.read()
    out, at = bytearray(), 0
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        block = data[at:at + size]
        fixed = {0x0A0D0D0A: (24, (2, 3)), 1: (16, (12, 15))}.get(kind)
        if fixed:
            head, drop = fixed
            kept, o = bytearray(block[8:head]), head
            while o + 4 <= size - 4:
                code, length = struct.unpack_from("<HH", block, o)
                end = o + 4 + (length + 3 & ~3)
                if code not in drop:
                    kept += block[o:end]
                o = end
                if code == 0:
                    break
            total = len(kept) + 12
            block = struct.pack("<II", kind, total) + kept + struct.pack("<I", total)
        out += block
        at += size
    with open(target, "wb") as f:
        f.write(out)
