#!/usr/bin/env python3
"""How long from send() to the printed line, and to the row on the screen? 100 messages over a veth pair.

    sudo benches/latency.py target/release/wscope [--rounds 2]

Needs what `live.py` needs, whose network namespaces and peer it uses. The screen is read as a terminal gets it; each
message has no character in common with the one before, so that its row is drawn as a whole.
"""

import argparse
import fcntl
import os
import pty
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import termios
import threading
import time

sys.dont_write_bytecode = True
import live  # noqa: E402

COUNT = 100
LETTERS = str.maketrans("0123456789", "abcdefghij")
TOKEN = re.compile(rb"([0-9]{4})9999|([a-j]{4})zzzz")


def token(i):
    return f"{i:04}9999" if i % 2 == 0 else f"{i:04}".translate(LETTERS) + "zzzz"


def number(found):
    return int(found[1] or found[2].translate(bytes.maketrans(b"abcdefghij", b"0123456789")))


def watch(fd, seen):
    """Notes when each message is there for the first time."""
    rest = b""
    while True:
        try:
            new = os.read(fd, 65536)
        except OSError:
            new = b""
        if not new:
            return
        now = time.perf_counter()
        for found in TOKEN.finditer(rest + new):
            seen.setdefault(number(found), now)
        rest = new[-64:]


def begin(program, screen):
    """Starts wscope; its process and where its output is read."""
    command = [program, "live", "-i", "veth0", f"tcp port {live.PORT}"]
    if not screen:
        process = subprocess.Popen([*command, "--print", "--json", "--events", "ws.message"], stdout=subprocess.PIPE)
        return process.pid, process.stdout.fileno()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(program, command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    return pid, terminal


def measure(program, screen):
    pid, output = begin(program, screen)
    while "Seccomp:\t2" not in open(f"/proc/{pid}/status").read():
        time.sleep(0.01)
    seen, sent = {}, {}
    threading.Thread(target=watch, args=(output, seen), daemon=True).start()
    time.sleep(0.5)
    sock = socket.create_connection((live.SERVER, live.PORT))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    live.head(sock)
    time.sleep(0.5)
    for i in range(COUNT):
        payload = token(i).encode()
        # The mask is zero: the same bytes.
        frame = bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload
        sent[i] = time.perf_counter()
        sock.sendall(frame)
        time.sleep(0.083)
    time.sleep(1)
    os.kill(pid, signal.SIGINT)
    os.waitpid(pid, 0)
    late = sorted(1e3 * (seen[i] - sent[i]) for i in sent if i in seen)
    what = "screen" if screen else "print"
    middle = statistics.median(late) if late else float("nan")
    print(f"{what:6} {len(late):3} of {COUNT}: {middle:.1f} ms in the middle, {max(late, default=0):.1f} ms at worst", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the wscope to measure")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    program = os.path.abspath(args.program)
    if args.inside:
        for _ in range(args.rounds):
            for screen in (False, True):
                measure(program, screen)
        return
    lab = live.Lab()
    try:
        lab.start(0, [sys.executable, __file__, program, "--inside", "--rounds", str(args.rounds)]).wait()
    finally:
        lab.end()


if __name__ == "__main__":
    main()
