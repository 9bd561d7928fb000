"""Hold the captures against the endpoints' logs, without any of this project's code.

    captures/record/check.py [NAME...]

tshark takes the packets apart as far as TCP; the rest (reassembly, the HTTP upgrade,
frames, permessage-deflate) is done here in the plainest way.  For each session the
messages sent must be those received and those in the capture, in order, and

    time of the send <= packets of the message <= time of the receive.
"""

import base64
import collections
import glob
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import zlib

CAPTURES = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Where the logs and the capture cannot agree, and why.
EXPECTED = {
    "midstream": "the capture has no handshake and not the first messages",
    "short-snaplen": "most payloads are cut off",
    "reset": "one message arrives, but its reader had stopped reading",
    "vanished": "messages are sent that never arrive, and some never leave the server's TCP",
}
FIELDS = ("frame.time_epoch", "ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport",
          "tcp.seq_raw", "tcp.flags.syn", "tcp.payload", "tcp.stream")


def streams(path):
    """{(source, destination, stream): [(seq, time, bytes)]} and the start of each."""
    out = subprocess.run(
        ["tshark", "-r", path, "-Y", "tcp", "-o", "tcp.desegment_tcp_streams:false", "-o", "tcp.relative_sequence_numbers:false",
         "--disable-protocol", "http", "-T", "fields", "-E", "occurrence=l",
         *(x for f in FIELDS for x in ("-e", f))], capture_output=True, text=True).stdout
    segments, start = collections.defaultdict(list), {}
    for line in out.splitlines():
        time, s4, s6, sport, d4, d6, dport, seq, syn, data, number = line.split("\t")
        src = f"[{s6}]:{sport}" if s6 else f"{s4}:{sport}"
        dst = f"[{d6}]:{dport}" if d6 else f"{d4}:{dport}"
        key, seq = (src, dst, int(number)), int(seq)
        if syn in ("1", "True"):
            start[key] = seq + 1
        if data:
            segments[key].append((seq, float(time), bytes.fromhex(data)))
    return segments, start


def assemble(segments, start):
    """The bytes up to the first gap, and the time each byte was first seen."""
    base = start if start is not None else min(s[0] for s in segments)
    known = {}
    for seq, time, data in segments:
        at = (seq - base + 2**31) % 2**32 - 2**31
        if at >= 0 and (at not in known or len(known[at][1]) < len(data)):
            known.setdefault(at, (time, data)) if at in known and known[at][1][:len(data)] == data else None
            if at not in known or len(known[at][1]) < len(data):
                known[at] = (time, data)
    out, times = bytearray(), []
    for at in sorted(known):
        time, data = known[at]
        if at > len(out):
            break
        new = data[len(out) - at:]
        out += new
        times += [(len(out), time)]
    return bytes(out), times


def time_at(times, position):
    for end, time in times:
        if position < end:
            return time
    return times[-1][1]


def frames(data, at):
    while at + 2 <= len(data):
        begin = at
        b0, b1 = data[at], data[at + 1]
        size, at = b1 & 127, at + 2
        if size == 126:
            size, at = struct.unpack_from(">H", data.ljust(at + 2, b"\0"), at)[0], at + 2
        elif size == 127:
            size, at = struct.unpack_from(">Q", data.ljust(at + 8, b"\0"), at)[0], at + 8
        mask = data[at:at + 4] if b1 & 128 else None
        at += 4 if mask else 0
        if at + size > len(data):
            return
        body = data[at:at + size]
        if mask and size:
            pad = mask * (size // 4 + 1)
            body = (int.from_bytes(body, "big") ^ int.from_bytes(pad[:size], "big")).to_bytes(size, "big")
        at += size
        yield begin, at, b0, body


def messages(data, at, deflate, own):
    """(kind, payload, first byte, last byte), inflated."""
    forget = deflate is not None and f"{own}_no_context_takeover" in deflate
    inflate = zlib.decompressobj(-15)
    parts = None
    for begin, end, b0, body in frames(data, at):
        code = b0 & 15
        if code >= 8:
            yield {8: "close", 9: "ping", 10: "pong"}.get(code, "other"), body, begin, end
            continue
        if code:
            kind, zipped, first, parts = {1: "text", 2: "binary"}.get(code, "other"), b0 & 64 and deflate, begin, []
        if parts is None:
            return
        parts.append(body)
        if b0 & 128:
            whole = b"".join(parts)
            if zipped:
                if forget:
                    inflate = zlib.decompressobj(-15)
                whole = inflate.decompress(whole + b"\0\0\xff\xff")
            yield kind, whole, first, end


def key_of(line):
    if line["kind"] == "close":
        return ("close", line["code"])
    if "sha1" in line:
        return (line["kind"], line["sha1"])
    raw = line["text"].encode() if "text" in line else base64.b64decode(line["base64"])
    return (line["kind"], hashlib.sha1(raw).hexdigest())


def key_of_bytes(kind, raw):
    if kind == "close":
        return ("close", int.from_bytes(raw[:2], "big") if raw else 1005)
    return (kind, hashlib.sha1(raw).hexdigest())


def check(path):
    name = os.path.basename(path).rsplit(".", 1)[0]
    problems, counts = [], collections.Counter()
    log = os.path.join(CAPTURES, name + ".log.jsonl")
    lines = [json.loads(x) for x in open(log, encoding="utf-8")] if os.path.exists(log) else []
    if [x["t"] for x in lines] != sorted(x["t"] for x in lines):
        problems.append("the log is not in order")
    segments, start = streams(path)
    found = {}
    for key in segments:
        data, times = assemble(segments[key], start.get(key))
        back = (key[1], key[0], key[2])
        upgrade = re.search(rb"GET \S+ HTTP/1\.1\r\n([^\r\n]+\r\n)*upgrade: websocket\r\n", data, re.I)
        if not upgrade or back not in segments:
            continue
        at = upgrade.start()
        uri = data[at:].split(b" ")[1].decode()
        reply, reply_times = assemble(segments[back], start.get(back))
        head = reply.find(b"HTTP/1.1 101")
        if head < 0:
            counts["refused"] += 1
            continue
        ext = [h for h in reply[head:reply.index(b"\r\n\r\n", head)].decode().lower().split("\r\n")
               if h.startswith("sec-websocket-extensions:")]
        deflate = ext[0] if ext else None
        for side, d, t, at in (("client", data, times, data.index(b"\r\n\r\n", at) + 4),
                               ("server", reply, reply_times, reply.index(b"\r\n\r\n", head) + 4)):
            try:
                found.setdefault((key[1], uri), {})[side] = [
                    (key_of_bytes(k, raw), time_at(t, a), time_at(t, b - 1)) for k, raw, a, b in messages(d, at, deflate, side)]
            except Exception as e:
                problems.append(f"{key[1]} {uri} {side}: {type(e).__name__} {e}")
    wrong = {(x["server"], x["uri"]) for x in lines if x["do"] == "wrong"}
    logged = {}
    for x in lines:
        if x.get("do") in ("send", "receive"):
            logged.setdefault((x["server"], x["uri"]), {}).setdefault((x["do"], x["who"]), []).append(x)
    for session, what in logged.items():
        for (do, who), items in what.items():
            side = who if do == "send" else {"client": "server", "server": "client"}[who]
            wire = found.get(session, {}).get(side)
            if wire is None:
                problems.append(f"{session} is not in the capture")
                break
            for group in (("text", "binary"), ("ping", "pong"), ("close",)):
                mine = [x for x in items if x["kind"] in group]
                there = [w for w in wire if w[0][0] in group]
                if group != ("text", "binary"):  # automatic pongs and closes are not all logged
                    wanted = [key_of(x) for x in mine]
                    there = [w for w in there if w[0] in wanted]
                if session in wrong and side == "client":  # up to the wrong bytes
                    there = there[:len(mine)]
                if group == ("text", "binary") or mine:
                    a, b = [key_of(x) for x in mine], [w[0] for w in there]
                    if a != b:
                        same = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
                        problems.append(f"{session} {who} {do} {group}: {len(a)} logged, {len(b)} captured, same up to {same}")
                        continue
                for x, (_, first, last) in zip(mine, there):
                    counts[x["kind"]] += 1
                    late = x["t"] - first if do == "send" else last - x["t"]
                    if late > 0:
                        problems.append(f"{session} {who} {do} {x['kind']} at {x['t']}: {late * 1e6:.0f} µs the wrong way")
    packets = subprocess.run(["capinfos", "-Tmc", path], capture_output=True, text=True).stdout.split(",")[-1].strip()
    return packets, len(found), counts, problems


def main():
    names = sys.argv[1:]
    bad = 0
    for path in sorted(glob.glob(CAPTURES + "/*.pcap*")):
        name = os.path.basename(path).rsplit(".", 1)[0]
        if names and name not in names or name.startswith("tls"):
            continue
        packets, sessions, counts, problems = check(path)
        print(f"{os.path.basename(path):36} {packets:>5} packets {os.path.getsize(path):>8} bytes, {sessions} sessions, "
              + ", ".join(f"{v} {k}" for k, v in sorted(counts.items())))
        if problems and name in EXPECTED:
            print("     as expected:", EXPECTED[name])
            continue
        for p in problems[:8]:
            print("    ", p)
        bad += bool(problems)
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
