"""One end of a tunnel: a TUN device `inner0` whose packets travel over `veth0` inside
802.1Q, 802.1ad, GRE or IP-in-IP.  (The recording kernel has no such devices of its own.)

    tunnel.py vlan|qinq|gre|ipip|6in4 MY_OUTER_IP PEER_OUTER_IP PEER_MAC
"""

import fcntl
import os
import select
import socket
import struct
import sys

kind, mine, peer, mac = sys.argv[1:]
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", b"inner0", 1 | 0x1000))
ETH_P_ALL, PACKET_OUTGOING = 3, 4
my_mac = bytes.fromhex(open("/sys/class/net/veth0/address").read().strip().replace(":", ""))

if kind in ("vlan", "qinq"):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.bind(("veth0", ETH_P_ALL))
    sock.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA
    tags = struct.pack("!HH", 0x8100, 0x6000 | 7)
    if kind == "qinq":
        tags = struct.pack("!HH", 0x88A8, 100) + tags
else:
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, {"gre": 47, "ipip": 4, "6in4": 41}[kind])
    sock.bind((mine, 0))
print("ready", flush=True)


def out(packet):
    proto = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    if kind in ("vlan", "qinq"):
        sock.send(bytes.fromhex(mac.replace(":", "")) + my_mac + tags + struct.pack("!H", proto) + packet)
    elif kind == "gre":
        sock.sendto(struct.pack("!HHI", 0x2000, proto, 77) + packet, (peer, 0))  # with a key
    else:
        sock.sendto(packet, (peer, 0))


def arrived():
    if kind in ("vlan", "qinq"):
        frame, aux, _, who = sock.recvmsg(65536, 256)
        if who[2] == PACKET_OUTGOING or not aux:
            return None
        status, _, _, _, _, _, tpid = struct.unpack("IIIHHHH", aux[0][2][:20])
        at, tagged = 12, bool(status & 0x10)  # the kernel takes the outer tag off
        while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
            at, tagged = at + 4, True
        return frame[at + 2:] if tagged and frame[at:at + 2] in (b"\x08\x00", b"\x86\xdd") else None
    packet = sock.recv(65536)
    packet = packet[(packet[0] & 15) * 4:]
    return packet[8:] if kind == "gre" else packet


while True:
    for ready in select.select([fd, sock], [], [])[0]:
        if ready == fd:
            packet = os.read(fd, 65536)
            if packet[0] >> 4 == 4 or kind == "6in4":
                out(packet)
        elif packet := arrived():
            try:
                os.write(fd, packet)
            except OSError:
                pass
