"""Runs a program in a terminal of its own: `closed.py PROGRAM ARGUMENT…`. Says "ready" once the screen is there;
closes the terminal once it is told to, by a line, and says how the program ended."""

import fcntl
import os
import pty
import struct
import sys
import termios
import threading

child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
shown = b""
while b"live, " not in shown:
    shown += os.read(terminal, 65536)
print("ready", flush=True)
told = threading.Event()


def listen():
    sys.stdin.readline()
    told.set()


threading.Thread(target=listen, daemon=True).start()
os.set_blocking(terminal, False)
while not told.wait(0.01):
    # A screen that nobody looks at would stand still.
    try:
        os.read(terminal, 65536)
    except BlockingIOError:
        pass
os.close(terminal)
print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
