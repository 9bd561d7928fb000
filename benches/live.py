#!/usr/bin/env python3
"""Who loses packets first, wscope or tcpdump? Real WebSocket traffic over a veth pair, faster and faster.

    sudo benches/live.py target/release/wscope [--rates 128,256,512] [--rounds 3] [--mb 200] [--size 1000]

A client in one network namespace upgrades a connection to a server in another, then sends masked text messages
of `--size` bytes at each rate (MB/s; `--each`: one packet a message, and the rate in thousands of messages a
second). Every rate is run with `tcpdump -w FILE` and with `wscope live --print --json`, one after the other
and both with the same kernel buffer, so that a busy machine is busy for both. What counts is how many of the
sent messages each of them has: in the file of tcpdump (which wscope reads afterwards), and as printed lines.
Needs root, `ip`, tcpdump and Python 3.8; nothing else has to be installed.
"""

import argparse
import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

PORT = 9000
SERVER = "10.9.0.2"


def head(sock):
    """Reads as far as the empty line behind an HTTP head."""
    got = b""
    while b"\r\n\r\n" not in got:
        more = sock.recv(1)
        if not more:
            sys.exit("the peer ended in its HTTP head")
        got += more
    return got.decode()


def serve():
    """Answers the upgrade, then takes whatever comes."""
    import hashlib

    listener = socket.create_server(("", PORT))
    print("ready", flush=True)
    room = bytearray(1 << 20)
    while True:
        sock, _ = listener.accept()
        key = re.search(r"Sec-WebSocket-Key: (\S+)", head(sock)).group(1)
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        while sock.recv_into(room):
            pass
        sock.close()


def frame(size, number):
    """A masked text frame with JSON of that size."""
    begin = json.dumps({"type": "tick", "number": number, "fill": ""})[:-2]
    payload = (begin + "x" * (size - len(begin) - 2) + '"}').encode()
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else bytes([0xFE]) + len(payload).to_bytes(2, "big")
    return b"\x81" + length + mask + masked


def send(rate, total, size, each):
    """Sends; says how many messages it were, and how many seconds they took."""
    sock = socket.create_connection((SERVER, PORT))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    sock.sendall(
        f"GET /load HTTP/1.1\r\nHost: {SERVER}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head(sock)
    together = 1 if each else max(1, 64000 // size)
    pieces = [b"".join(frame(size, i * together + j) for j in range(together)) for i in range(16)]
    sent = count = 0
    pause = together / (rate * 1000) if each else len(pieces[0]) / (rate * 1e6)
    begun = due = time.perf_counter()
    while sent < total:
        piece = pieces[(count // together) % 16]
        sock.sendall(piece)
        sent += len(piece)
        count += together
        due += pause
        wait = due - time.perf_counter()
        if wait > 0.001:
            time.sleep(wait)
        elif wait < -0.1:
            due = time.perf_counter()  # no burst for what could not be sent in time
    took = time.perf_counter() - begun
    sock.shutdown(socket.SHUT_WR)
    sock.recv(1)
    print(json.dumps({"messages": count, "bytes": sent, "seconds": took}))


class Lab:
    def __init__(self):
        self.names = [f"bench{os.getpid()}{side}" for side in "cs"]
        client, server = self.names
        ip = lambda *args: subprocess.run(["ip", *args], check=True)
        ip("netns", "add", client)
        ip("netns", "add", server)
        ip("link", "add", "veth0", "netns", client, "type", "veth", "peer", "name", "veth0", "netns", server)
        for name, address in zip(self.names, ("10.9.0.1/24", f"{SERVER}/24")):
            ip("-n", name, "addr", "add", address, "dev", "veth0")
            ip("-n", name, "link", "set", "veth0", "up")
        self.server = self.start(1, [sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
        assert self.server.stdout.readline() == "ready\n"

    def start(self, side, command, **how):
        return subprocess.Popen(["ip", "netns", "exec", self.names[side], *command], **how)

    def send(self, args, rate):
        command = [sys.executable, __file__, "--send", str(rate), "--mb", str(args.mb), "--size", str(args.size)]
        client = self.start(0, command + ["--each"] * args.each, stdout=subprocess.PIPE, text=True)
        return json.loads(client.communicate()[0])

    def end(self):
        self.server.kill()
        self.server.wait()
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=True)


def ended(process):
    """Asks for the end and waits for it; its last words, the CPU time of it and of its children, and how long it took."""
    before, since = os.times(), time.perf_counter()
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return said, cpu, time.perf_counter() - since


def rank(args):
    """As wscope does it by itself."""
    return ["nice", "-n", "-10"] if args.nice else []


def tcpdump(lab, args, rate, folder):
    file = f"{folder}/tcpdump.pcap"
    command = [*rank(args), "tcpdump", "-i", "veth0", "-n", "-s", "262144", "-B", str(args.buffer * 1024), "-Z", "root"]
    process = lab.start(0, [*command, "-w", file, f"tcp port {PORT}"], stderr=subprocess.PIPE, text=True)
    process.stderr.readline()
    time.sleep(0.3)
    load = lab.send(args, rate)
    time.sleep(1.2)  # tcpdump lets packets wait for a second
    said, cpu, took = ended(process)
    dropped = int(re.search(r"(\d+) packets dropped by kernel", said).group(1))
    totals = subprocess.run([args.program, "stats", "--totals", "--json", file], capture_output=True, text=True)
    os.remove(file)
    return load, json.loads(totals.stdout)["c2s"]["text"], dropped, cpu, took


def wscope(lab, args, rate, folder):
    file = f"{folder}/lines"
    command = [args.program, "live", "-i", "veth0", "--buffer", f"{args.buffer}M", "--print", "--json"]
    command += ["--events", args.events + ",anomaly", *args.more, f"tcp port {PORT}"]
    with open(file, "wb") as lines:
        process = lab.start(0, command, stdout=lines, stderr=subprocess.PIPE, text=True)
        while "Seccomp:\t2" not in open(f"/proc/{process.pid}/status").read():
            time.sleep(0.01)
        time.sleep(0.3)
        load = lab.send(args, rate)
        time.sleep(1.2)
        said, cpu, took = ended(process)
    sys.stderr.write(said)
    count = dropped = 0
    with open(file, "rb") as lines:
        for line in lines:
            if line.startswith(b'{"event":"anomaly"'):
                line = json.loads(line)
                if line["what"] == "dropped":
                    dropped += line["packets"]
            elif b'"dir":"c2s"' in line:
                count += 1
    os.remove(file)
    return load, count, dropped, cpu, took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", help="the wscope to measure")
    parser.add_argument("--rates", default="64,128,256,512,1024")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mb", type=float, default=200, help="megabytes of each run")
    parser.add_argument("--size", type=int, default=1000, help="bytes of a message")
    parser.add_argument("--each", action="store_true", help="one packet a message; rates are thousands of messages a second")
    parser.add_argument("--buffer", type=int, default=16, help="MiB of the kernel's buffer, for both")
    parser.add_argument("--events", default="ws.frame", help="what wscope prints: ws.frame or ws.message")
    parser.add_argument("--more", action="append", default=[], help="another argument for wscope live")
    parser.add_argument("--nice", action="store_true", help="let tcpdump go before others, as what captures for wscope does")
    parser.add_argument("--only", choices=("tcpdump", "wscope"))
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--send", type=float, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        return serve()
    if args.send:
        return send(args.send, args.mb * 1e6, args.size, args.each)
    lab = Lab()
    unit = "k/s" if args.each else "MB/s"
    print(f"{'asked':>6} {'sent':>6} {unit:4}  program   messages     lost  dropped    CPU s  end s")
    lost = {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            for rate in map(float, args.rates.split(",")):
                for _ in range(args.rounds):
                    for job in (tcpdump, wscope):
                        name = job.__name__
                        if args.only not in (None, name):
                            continue
                        load, count, dropped, cpu, took = job(lab, args, rate, folder)
                        reached = load["messages"] / 1e3 if args.each else load["bytes"] / 1e6
                        missing = load["messages"] - count
                        lost.setdefault(rate, {}).setdefault(name, []).append(missing / load["messages"])
                        print(
                            f"{rate:6.0f} {reached / load['seconds']:6.0f} {unit:4}  {name:8} {load['messages']:9}"
                            f" {missing:8} {dropped:8} {cpu:8.2f} {took:6.2f}",
                            flush=True,
                        )
    finally:
        lab.end()
    print()
    for rate, of in lost.items():
        shares = "   ".join(f"{name} {sum(all) / len(all):.2%} ({max(all):.2%} at worst)" for name, all in of.items())
        print(f"lost at {rate:.0f} {unit}: {shares}")


if __name__ == "__main__":
    main()
