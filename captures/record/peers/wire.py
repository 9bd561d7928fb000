"""A link between two namespaces, made of two TUN or TAP devices, that loses, delays and
reorders what it carries.

    wire.py tun|tap NS_A NS_B LOSS REORDER DELAY [SEED]

Both devices are called `wire0`.
"""

import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

kind, a, b, loss, reorder, delay = sys.argv[1], sys.argv[2], sys.argv[3], *map(float, sys.argv[4:7])
rng = random.Random(int((sys.argv[7:] or [1])[0]))
TUNSETIFF, IFF_TUN, IFF_TAP, IFF_NO_PI = 0x400454CA, 1, 2, 0x1000


def device(space):
    """Create the device in that namespace; its descriptor works from anywhere."""
    libc = ctypes.CDLL(None, use_errno=True)
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{space}", os.O_RDONLY)
    assert libc.setns(there, 0) == 0
    fd = os.open("/dev/net/tun", os.O_RDWR)
    flags = (IFF_TUN if kind == "tun" else IFF_TAP) | IFF_NO_PI
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"wire0", flags))
    assert libc.setns(here, 0) == 0
    return fd


ends = device(a), device(b)
print("ready", flush=True)
waiting, number, counts = [], 0, {"carried": 0, "lost": 0, "late": 0}
while True:
    timeout = max(0, waiting[0][0] - time.monotonic()) if waiting else None
    for fd in select.select(ends, [], [], timeout)[0]:
        packet = os.read(fd, 65536)
        if rng.random() < loss:
            counts["lost"] += 1
            continue
        late = rng.random() < reorder
        counts["late" if late else "carried"] += 1
        number += 1
        at = time.monotonic() + delay * (3 if late else 1)
        heapq.heappush(waiting, (at, number, ends[fd == ends[0]], packet))
    while waiting and waiting[0][0] <= time.monotonic():
        _, _, fd, packet = heapq.heappop(waiting)
        try:
            os.write(fd, packet)
        except OSError:
            pass  # the device is not up
