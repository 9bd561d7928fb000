"""Every capture of this project, as a function of its name.  Run it with run.sh."""

import base64
import json
import os
import random
import shutil
import subprocess
import sys
import time
import traceback

from lab import CAPTURES, HERE, PEERS, PYTHON, WORK, Lab, sh

scenarios = {}


def scenario(function):
    scenarios[function.__name__.replace("_", "-")] = function
    return function


# -- payloads ---------------------------------------------------------------

def binary(raw):
    return {"b64": base64.b64encode(raw).decode()}


def noise(size, seed=1):
    """Bytes that do not compress."""
    return binary(random.Random(seed).randbytes(size))


def words(size, seed=1):
    """ASCII text of exactly this many bytes, which compresses as prose does."""
    rng = random.Random(seed)
    stock = "wave sea harbour light stone river over under north wind slow bright salt rope sail".split()
    out = ""
    while len(out) < size:
        out += rng.choice(stock) + " "
    return out[:size]


def quote(i):
    """One of many messages that are nearly the same."""
    rng = random.Random(i)
    return json.dumps({"type": "quote", "symbol": rng.choice(["TEA", "RICE", "TIN"]), "sequence": i,
                       "bid": round(100 + rng.random(), 4), "ask": round(101 + rng.random(), 4),
                       "venue": "harbour", "currency": "EUR"})


def send(*payloads):
    return [["send", p] for p in payloads]


CLOSE = ["close", 1000, "done"]
PG = "/usr/lib/postgresql/15/bin"
CHINESE = "你好，世界！今天天气很好。"
EMOJI = "🦀 caffè ☕ – 👩‍👩‍👧‍👦 𝄞 ok"


# -- the guided walk --------------------------------------------------------

@scenario
def tour(lab):
    """Chromium and a Python server: handshake, a push, keep-alive probes, an echo, the close."""
    ns = lab.ns()
    at, uri = "127.0.0.1:9001", "/tour"
    with lab.capture(ns, "lo", "tcp port 9001"):
        lab.server(ns, "py_websockets.py", listen=at, keepalive=[1, 1],
                   sessions={uri: {"echo": True, "steps": send("get it")}})
        lab.client(ns, "browser.py", {"dial": at, "uri": uri, "steps": [
            ["recv", 1], ["sleep", 3.6], *send("hello from the browser"), ["recv", 2], ["sleep", 0.3],
            *send("你好，WebSocket 🌊"), ["recv", 3], ["sleep", 0.2], CLOSE]})


# -- one author's client, another's server ----------------------------------

@scenario
def plain(lab):
    """Every length form: empty, 125, 126, 65535, 65536, 200000 bytes; pings both ways."""
    ns = lab.ns()
    at, uri = "127.0.0.1:9002", "/echo?c=1"
    sizes = [0, 1, 125, 126, 127]
    with lab.capture(ns, "lo", "tcp port 9002"):
        lab.server(ns, "py_websockets.py", listen=at, subprotocols=["chat.v1"], sessions={uri: {
            "echo": True, "steps": [["recv", 3], ["ping", "from the server"]]}})
        lab.client(ns, "node_ws.mjs", {"dial": at, "uri": uri, "subprotocols": ["chat.v2", "chat.v1"], "steps": [
            *send("hello"), ["recv", 1], *send(*(words(n) for n in sizes)), *send(*(noise(n) for n in sizes)),
            ["recv", 11], ["ping", ""], ["ping", "are you there"], *send(CHINESE, EMOJI),
            *send(words(65535)), ["recv", 14], *send(noise(65536)), ["recv", 15],
            *send(words(200000)), ["recv", 16], CLOSE]})


@scenario
def deflate(lab):
    """permessage-deflate with context takeover over many similar messages."""
    ns = lab.ns()
    at, uri = "127.0.0.1:9003", "/quotes?c=1"
    with lab.capture(ns, "lo", "tcp port 9003"):
        lab.server(ns, "node_ws.mjs", listen=at, deflate={"threshold": 0}, sessions={uri: {
            "steps": [["recv", 1], *send(*(quote(i) for i in range(60))), ["recv", 61], *send("that was all")]}})
        lab.client(ns, "py_websockets.py", {"dial": at, "uri": uri, "deflate": {}, "steps": [
            *send("subscribe"), *send(*(quote(i) for i in range(100, 160))), ["recv", 61],
            *send("", noise(300), words(3000)), CLOSE]})


def no_context(lab, port, client, server):
    ns = lab.ns()
    at, uri = f"127.0.0.1:{port}", "/echo?c=1"
    with lab.capture(ns, "lo", f"tcp port {port}"):
        lab.server(ns, "py_websockets.py", listen=at, sessions={uri: {"echo": True}}, deflate={
            "client_no_context_takeover": client, "server_no_context_takeover": server})
        lab.client(ns, "node_ws.mjs", {"dial": at, "uri": uri, "deflate": {"threshold": 0}, "steps": [
            *send(*(quote(i) for i in range(20))), ["recv", 20], *send(words(5000), CHINESE, ""), ["recv", 23], CLOSE]})


@scenario
def deflate_no_context_both(lab):
    """permessage-deflate; neither side keeps its window between messages."""
    no_context(lab, 9004, True, True)


@scenario
def deflate_no_context_client(lab):
    """permessage-deflate; only the client forgets its window."""
    no_context(lab, 9005, True, False)


@scenario
def deflate_no_context_server(lab):
    """permessage-deflate; only the server forgets its window."""
    no_context(lab, 9006, False, True)


@scenario
def deflate_small_windows(lab):
    """permessage-deflate with windows of 512 bytes and 1 KiB, and messages larger than those."""
    ns = lab.ns()
    at = "127.0.0.1:9007"
    steps = [*send(*(quote(i) for i in range(10))), *send(words(1500, 3), words(6000, 4), words(20000, 5)), ["recv", 13], CLOSE]
    with lab.capture(ns, "lo", "tcp port 9007 or tcp port 9008"):
        lab.server(ns, "py_websockets.py", listen=at, sessions={"*": {"echo": True}}, deflate={
            "server_max_window_bits": 9, "client_max_window_bits": 10})
        lab.server(ns, "node_ws.mjs", listen="127.0.0.1:9008", sessions={"*": {"echo": True}}, deflate={
            "threshold": 0, "serverMaxWindowBits": 10, "clientMaxWindowBits": 9})
        lab.client(ns, "node_ws.mjs", {"dial": at, "uri": "/echo?c=1", "steps": steps, "deflate": {
            "threshold": 0, "clientMaxWindowBits": 10, "serverMaxWindowBits": 9}})
        lab.client(ns, "py_websockets.py", {"dial": "127.0.0.1:9008", "uri": "/echo?c=2", "steps": steps, "deflate": {
            "client_max_window_bits": True}})


@scenario
def fragments(lab):
    """Fragmented messages both ways at once, with pings between the fragments; plain, then compressed."""
    ns = lab.ns()
    at, zipped = "127.0.0.1:9009", "127.0.0.1:9010"

    def parts(seed):
        return [
            ["frag", ["one ", "two ", "three"], 0.02],
            ["frag", ["", "begins empty", ""], 0.01],
            ["frag", [words(700, seed + i) for i in range(8)], 0.015],
            ["frag", [noise(500, seed + i) for i in range(6)], 0.01],
            *send("whole again"),
            ["frag", ["你好，", "世界", "🌏"], 0.01]]

    with lab.capture(ns, "lo", "tcp port 9009 or tcp port 9010"):
        for where, deflate in ((at, None), (zipped, {})):
            uri = "/both?c=" + ("1" if deflate is None else "2")
            lab.server(ns, "py_websockets.py", listen=where, deflate=deflate,
                       sessions={uri: {"steps": [*parts(10), ["recv", 6]]}})
            lab.client(ns, "py_websockets.py", {
                "dial": where, "uri": uri, "deflate": deflate, "pinger": 0.012,
                "steps": [*parts(20), ["recv", 6], ["sleep", 0.05], CLOSE]})


@scenario
def browser(lab):
    """Chromium with permessage-deflate: text, binary, Chinese, emoji, 100 KB."""
    ns = lab.ns()
    at, uri = "127.0.0.1:9011", "/echo?c=1"
    with lab.capture(ns, "lo", "tcp port 9011"):
        lab.server(ns, "node_ws.mjs", listen=at, deflate={"threshold": 0}, sessions={uri: {"echo": True}})
        lab.client(ns, "browser.py", {"dial": at, "uri": uri, "steps": [
            *send("hello", CHINESE, EMOJI, "", noise(1000), *(quote(i) for i in range(10))), ["recv", 15],
            *send(words(100000, 9)), ["recv", 16], CLOSE]})


# -- proxies in between -----------------------------------------------------

def through(lab, command, config, front, back, ready_file=None):
    """Clients at `front`, a proxy, two servers at `back`; both hops are captured."""
    ns = lab.ns()
    path = os.path.join(lab.dir, "proxy.conf")
    with open(path, "w") as f:
        f.write(config)
    with lab.capture(ns, "lo", f"tcp port {front} or tcp port {back}"):
        lab.server(ns, "node_ws.mjs", listen=f"127.0.0.1:{back}", deflate={"threshold": 0}, sessions={"*": {"echo": True}})
        lab.start(ns, [*command, path], ready=None)
        time.sleep(0.7)
        lab.client(ns, "py_websockets.py",
                   {"dial": f"127.0.0.1:{front}", "uri": "/echo?c=1", "steps": [
                       *send("plain through a proxy", CHINESE, noise(400), words(9000)), ["recv", 4], CLOSE]},
                   {"dial": f"127.0.0.1:{front}", "uri": "/echo?c=2", "after": 0.05, "deflate": {}, "steps": [
                       *send(*(quote(i) for i in range(12))), ["recv", 12], ["ping", "through"], CLOSE]})


NGINX = """\
daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ }}
http {{
  access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;
  fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  {rest}
}}
"""


@scenario
def nginx(lab):
    """nginx as a reverse proxy; both of its sides."""
    through(lab, ["nginx", "-c"], NGINX.format(dir=lab.dir, rest="""
  server {
    listen 127.0.0.1:9012;
    location / {
      proxy_pass http://127.0.0.1:9013; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
      proxy_set_header X-Forwarded-For $remote_addr;
    }
  }
"""), 9012, 9013)


HAPROXY = """\
defaults
  mode {mode}
  timeout connect 2s
  timeout client 30s
  timeout server 30s
"""


@scenario
def haproxy(lab):
    """haproxy as an HTTP reverse proxy; both of its sides."""
    through(lab, ["haproxy", "-f"], HAPROXY.format(mode="http") + """
listen front
  bind 127.0.0.1:9014
  option forwardfor
  server one 127.0.0.1:9015
""", 9014, 9015)


# -- how connections end ----------------------------------------------------

@scenario
def closes(lab):
    """Clean closes: by the server (1001), by the client with no code, 4000-range with a Chinese reason."""
    ns = lab.ns()
    py, js = "127.0.0.1:9016", "127.0.0.1:9017"
    bye = ["close", 1000, ""]
    with lab.capture(ns, "lo", "tcp portrange 9016-9017"):
        lab.server(ns, "py_websockets.py", listen=py, sessions={
            "/leave?c=1": {"steps": [["recv", 1], *send("restarting"), ["close", 1001, "going away"]]},
            "/leave?c=2": {"steps": [["recv", 1], ["close", 4001, "会话已过期"]]},
            "*": {"echo": True}})
        lab.server(ns, "node_ws.mjs", listen=js, sessions={
            "/leave?c=3": {"steps": [["recv", 1], ["close", None, None]]}, "*": {"echo": True}})
        talk = [*send("hello"), ["recv", 1]]
        lab.client(ns, "node_ws.mjs",
                   {"dial": py, "uri": "/leave?c=1", "steps": send("one")},
                   {"dial": py, "uri": "/leave?c=2", "steps": send("two"), "after": 0.1},
                   {"dial": py, "uri": "/echo?c=4", "steps": [*talk, ["close", None, None]], "after": 0.2},
                   {"dial": py, "uri": "/echo?c=5", "steps": [*talk, ["close", 4999, "再见，朋友 👋"]], "after": 0.3},
                   {"dial": py, "uri": "/echo?c=6", "steps": [*talk, bye], "after": 0.4})
        lab.client(ns, "py_websockets.py",
                   {"dial": js, "uri": "/leave?c=3", "steps": send("three")},
                   {"dial": js, "uri": "/echo?c=7", "steps": [*talk, ["close", 3000, "x" * 123]], "after": 0.1},
                   {"dial": js, "uri": "/both?c=8", "steps": [*talk, bye], "after": 0.2})


@scenario
def reset(lab):
    """A server drops one connection with a RST, is killed with unread data on another; no close frames."""
    a, b = lab.pair()
    one, two = "10.7.0.2:9018", "10.7.0.2:9019"
    with lab.capture(a, "veth0", "tcp portrange 9018-9019"):
        lab.server(b, "py_websockets.py", listen=one, sessions={
            "/reset?c=1": {"steps": [*send("one", "two"), ["recv", 1], ["reset"]]}})
        lab.server(b, "py_websockets.py", listen=two, sessions={
            "/killed?c=2": {"steps": [*send("three"), ["recv", 1], ["deaf"], ["sleep", 0.4], ["kill"]]}})
        lab.client(a, "node_ws.mjs", {"dial": one, "uri": "/reset?c=1", "steps": [["recv", 2], *send("hello")]},
                   {"dial": two, "uri": "/killed?c=2", "after": 0.1, "steps": [
                       ["recv", 1], *send("hello"), ["sleep", 0.2], *send("nobody reads this")]})


@scenario
def killed(lab):
    """A server process is killed: FIN without a close frame."""
    a, b = lab.pair()
    at = "10.7.0.2:9020"
    with lab.capture(b, "veth0", "tcp port 9020"):
        lab.server(b, "py_websockets.py", listen=at, sessions={
            "/killed?c=1": {"steps": [*send("one", noise(100)), ["recv", 1], ["sleep", 0.2], ["kill"]]}})
        lab.client(a, "node_ws.mjs", {"dial": at, "uri": "/killed?c=1", "steps": [["recv", 2], *send("hello")]})


@scenario
def vanished(lab):
    """A client vanishes from the network; the server retransmits to the end of the capture."""
    a, b = lab.pair()
    at = "10.7.0.2:9021"
    with lab.capture(b, "veth0", "tcp port 9021"):
        lab.server(b, "node_ws.mjs", listen=at, sessions={"/ticks?c=1": {"steps": [
            x for i in range(12) for x in (["send", f"tick {i}"], ["sleep", 0.3])]}})
        lab.client(a, "py_websockets.py", {"dial": at, "uri": "/ticks?c=1", "steps": [*send("start"), ["recv", 4]]}, wait=False)
        time.sleep(2)
        a.sh("iptables -A INPUT -j DROP; iptables -A OUTPUT -j DROP")
        time.sleep(6)


@scenario
def refused(lab):
    """Upgrades refused: 400, 401, 403, 404, 426, a page instead (200), a redirect; then one that works."""
    ns = lab.ns()
    py, js, web = "127.0.0.1:9022", "127.0.0.1:9023", "127.0.0.1:9024"
    conf = os.path.join(lab.dir, "nginx.conf")
    with open(conf, "w") as f:
        f.write(NGINX.format(dir=lab.dir, rest="""
  server {
    listen 127.0.0.1:9024;
    location /page { default_type text/html; return 200 "<p>only a page here</p>"; }
    location /moved { return 302 http://127.0.0.1:9022/echo?c=elsewhere; }
  }
"""))
    plain = [["Content-Type", "text/plain"]]
    with lab.capture(ns, "lo", "tcp portrange 9022-9024"):
        lab.start(ns, ["nginx", "-c", conf], ready=None)
        lab.server(ns, "py_websockets.py", listen=py, sessions={"*": {"echo": True}}, refuse={
            "/private": [401, [["WWW-Authenticate", 'Basic realm="harbour"'], *plain], "who are you?\n"],
            "/forbidden": [403, plain, "no\n"], "/nowhere": [404, plain, "nothing here\n"]})
        lab.server(ns, "node_ws.mjs", listen=js, sessions={"*": {"echo": True}}, refuse={
            "/bad": [400, plain, "bad request\n"],
            "/upgrade": [426, [["Sec-WebSocket-Version", "13"], ["Upgrade", "websocket"], *plain], "upgrade required\n"]})
        time.sleep(0.5)
        uris = [(py, "/private?c=1"), (py, "/forbidden?c=2"), (py, "/nowhere?c=3"), (js, "/bad?c=4"),
                (js, "/upgrade?c=5"), (web, "/page?c=6"), (web, "/moved?c=7")]
        sessions = [{"dial": d, "uri": u, "after": i * 0.05} for i, (d, u) in enumerate(uris)]
        works = {"dial": py, "steps": [*send("let in"), ["recv", 1], CLOSE], "after": 0.5}
        lab.client(ns, "node_ws.mjs", *sessions, {"dial": py, "uri": "/echo?c=8", "version": 8, "after": 0.45},
                   {**works, "uri": "/echo?c=9"})
        lab.client(ns, "py_websockets.py", *({**s, "uri": s["uri"] + "1"} for s in sessions[:-1]),
                   {**works, "uri": "/echo?c=10"})


@scenario
def idle(lab):
    """An idle connection over a veth: TCP keep-alive probes with WebSocket pings beside them."""
    a, b = lab.pair()
    at = "10.7.0.2:9025"
    with lab.capture(a, "veth0", "tcp port 9025"):
        lab.server(b, "py_websockets.py", listen=at, keepalive=[1, 1], sessions={"/idle?c=1": {"echo": True}})
        lab.client(a, "node_ws.mjs", {"dial": at, "uri": "/idle?c=1", "steps": [
            *send("hello"), ["recv", 1], ["sleep", 2.5], ["ping", "still here"], ["sleep", 2.5], ["ping", "and now"],
            ["sleep", 1.4], *send("bye"), ["recv", 2], CLOSE]})


@scenario
def silence(lab):
    """nginx with its own settings cuts two silent connections after a minute; one beside it outlives that."""
    ns = lab.ns()
    path = os.path.join(lab.dir, "proxy.conf")
    with open(path, "w") as f:
        f.write(NGINX.format(dir=lab.dir, rest="""
  server {
    listen 127.0.0.1:9082;
    location / {
      proxy_pass http://127.0.0.1:9083; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
    }
  }
"""))
    front, back = "127.0.0.1:9082", "127.0.0.1:9083"
    with lab.capture(ns, "lo", "tcp port 9082 or tcp port 9083"):
        lab.server(ns, "node_ws.mjs", listen=back, sessions={"*": {"echo": True}})
        lab.start(ns, ["nginx", "-c", path], ready=None)
        time.sleep(0.7)
        lab.client(ns, "py_websockets.py",
                   {"dial": front, "uri": "/quiet?c=1", "steps": [*send("hello"), ["recv", 1], ["sleep", 62]]},
                   {"dial": front, "uri": "/quiet?c=2", "after": 1.5, "steps": [*send("hello"), ["recv", 1], ["sleep", 62]]},
                   {"dial": back, "uri": "/quiet?c=3", "after": 0.2, "steps": [
                       *send("hello"), ["recv", 1], ["sleep", 63], *send("still there?"), ["recv", 2], CLOSE]}, ok=False)


@scenario
def zero_window(lab):
    """A client that stops reading: the window closes, the server probes it, then all goes on."""
    a, b = lab.pair()
    at = "10.7.0.2:9043"
    with lab.capture(b, "veth0", "tcp port 9043"):
        lab.server(b, "node_ws.mjs", listen=at, sessions={"/flood?c=1": {"steps": [["recv", 1], *send(
            *(words(4000 + i, i) for i in range(12)))]}})
        lab.client(a, "py_websockets.py", {"dial": at, "uri": "/flood?c=1", "buffer": 8192, "steps": [
            *send("go"), ["deaf"], ["sleep", 2.5], ["hear"], ["recv", 12], *send("thanks"), CLOSE]})


LONG = "a length with its top bit set"
WRONG = {
    "an unmasked frame": "81026869",
    "a reserved opcode": "838000000000",
    "RSV1 without an extension": "c18000000000",
    "a continuation of nothing": "808000000000",
    "text that is not UTF-8": "818200000000c328",
    "a ping of 126 bytes": "89fe007e00000000" + "61" * 126,
    "a ping in fragments": "098000000000",
    "a close body of one byte": "88810000000003",
    "a close with code 1005": "88820000000003ed",
    LONG: "81ff800000000000000000000000",
}


@scenario
def violations(lab):
    """A client that breaks the protocol, once per connection, and what two servers do."""
    ns = lab.ns()
    ends = {"1": ("127.0.0.1:9044", "py_websockets.py"), "2": ("127.0.0.1:9045", "node_ws.mjs")}
    with lab.capture(ns, "lo", "tcp portrange 9044-9045"):
        for at, peer in ends.values():
            lab.server(ns, peer, listen=at, sessions={"*": {"echo": True}})
        lab.client(ns, "raw.py", *(
            {"dial": at, "uri": f"/wrong?c={n}{i:02}", "recv": 1, "wrong": wrong}
            for n, (at, _) in ends.items() for i, wrong in enumerate(WRONG.items(), 1)
            if (n, wrong[0]) != ("1", LONG)))  # there `websockets`, with no limit set, waits for the 2**63 bytes


# Frames that stand alone: two bytes of header, four of a masking key that is zero, payload.
BREACHES = {
    "RSV2 without an extension": "a18000000000",
    "RSV3 without an extension": "918000000000",
    "a reserved control opcode": "8b8000000000",
    "a length of 5 in 16 bits": "81fe00050000000068656c6c6f",
    "a length of 5 in 64 bits": "81ff00000000000000050000000068656c6c6f",
    "a message inside a message": "01820000000068698182000000006869",
    "an overlong slash": "818200000000c0af",
    "a surrogate": "818300000000eda080",
    "a character above U+10FFFF": "818400000000f4908080",
    "a first fragment that cannot become UTF-8": "018200000000ff61",
    "a pong of 126 bytes": "8afe007e00000000" + "61" * 126,
    "a close in fragments": "08820000000003e8",
    "a close with code 999": "88820000000003e7",
    "a close with code 1004": "88820000000003ec",
    "a close with code 1006": "88820000000003ee",
    "a close with code 1015": "88820000000003f7",
    "a close with code 1016": "88820000000003f8",
    "a close with code 2999": "8882000000000bb7",
    "a close with code 5000": "888200000000" + "1388",
    "a close reason that is not UTF-8": "88840000000003e8c328",
    "a message after the close": "88820000000003e8" + "818200000000" + "6869",
}


@scenario
def breaches(lab):
    """More ways to break the protocol, each by a client that does nothing else wrong, against two servers."""
    ns = lab.ns()
    ends = {"1": ("127.0.0.1:9080", "py_websockets.py"), "2": ("127.0.0.1:9081", "node_ws.mjs")}
    with lab.capture(ns, "lo", "tcp portrange 9080-9081"):
        for at, peer in ends.values():
            lab.server(ns, peer, listen=at, sessions={"*": {"echo": True}})
        lab.client(ns, "raw.py", *(
            {"dial": at, "uri": f"/breach?c={n}{i:02}", "recv": 0, "early": [[], []], "patience": 0.5, "wrong": wrong}
            for n, (at, _) in ends.items() for i, wrong in enumerate(BREACHES.items(), 1)))


# -- many connections -------------------------------------------------------

@scenario
def twelve(lab):
    """Twelve connections at once, interleaved; half of them compressed."""
    a, b = lab.pair(six=True)
    four, six = "10.7.0.2:9026", "[fd07::2]:9026"
    rng = random.Random(12)
    sessions = []
    for c in range(12):
        steps = []
        for i in range(8):
            steps += [*send(f"client {c} says {i}: " + words(rng.randrange(10, 300), c * 100 + i)), ["sleep", rng.random() / 20]]
        sessions.append({"dial": six if c % 3 == 2 else four, "uri": f"/echo?c={c}", "after": rng.random() / 5,
                         "deflate": {} if c % 2 else None, "steps": [*steps, ["recv", 8], CLOSE]})
    with lab.capture(b, "veth0", "tcp port 9026"):
        for listen in (four, six):
            lab.server(b, "node_ws.mjs", listen=listen, deflate={"threshold": 0}, sessions={"*": {"echo": True}})
        lab.client(a, "py_websockets.py", *sessions)


@scenario
def port_reuse(lab):
    """The same client port twice: one four-tuple, two connections."""
    a, b = lab.pair()
    at = "10.7.0.2:9027"
    with lab.capture(b, "veth0", "tcp port 9027"):
        lab.server(b, "node_ws.mjs", listen=at, sessions={"*": {"echo": True}})
        for c in (1, 2):
            lab.client(a, "py_websockets.py", {"dial": at, "bind": "10.7.0.1:40001", "uri": f"/echo?c={c}", "steps": [
                *send(f"connection {c}", words(300, c)), ["recv", 2], CLOSE]})


# -- networks ---------------------------------------------------------------

def small_talk(lab, client, server, at, bind_server=None, uri="/echo?c=1", **more):
    """A Python client and a Node server that speak briefly."""
    lab.server(server, "node_ws.mjs", listen=bind_server or at, sessions={"*": {"echo": True}})
    lab.client(client, "py_websockets.py", {"dial": at, "uri": uri, "steps": [
        *send("hello", EMOJI, noise(200), words(1800)), ["recv", 4], CLOSE], **more})


@scenario
def ipv6(lab):
    """IPv6 on the loopback; a pcap file with nanoseconds."""
    ns = lab.ns()
    with lab.capture(ns, "lo", "tcp port 9028", suffix="pcap", tool="tcpdump", options=["--time-stamp-precision=nano"]):
        small_talk(lab, ns, ns, "[::1]:9028")


@scenario
def ipv6_veth(lab):
    """IPv6 over a veth whose MTU is 1280."""
    a, b = lab.pair(mtu=1280, six=True)
    with lab.capture(b, "veth0", "tcp port 9029"):
        small_talk(lab, a, b, "[fd07::2]:9029")


@scenario
def any_device(lab):
    """Linux cooked capture v2 (tcpdump -i any): a veth and the loopback in one file."""
    a, b = lab.pair()
    with lab.capture(b, "any", "tcp port 9030", suffix="pcap", tool="tcpdump"):
        small_talk(lab, a, b, "10.7.0.2:9030")
        small_talk(lab, b, b, "127.0.0.1:9030", uri="/echo?c=2")


@scenario
def any_device_v1(lab):
    """Linux cooked capture v1; a pcap file with microseconds."""
    a, b = lab.pair()
    with lab.capture(b, "any", "tcp port 9031", suffix="pcap", tool="tcpdump", options=["-y", "LINUX_SLL"]):
        small_talk(lab, a, b, "10.7.0.2:9031")


@scenario
def two_devices(lab):
    """One pcapng file, two interfaces (a veth and the loopback), haproxy between them."""
    a, b = lab.pair()
    conf = os.path.join(lab.dir, "proxy.conf")
    with open(conf, "w") as f:
        f.write(HAPROXY.format(mode="tcp") + "\nlisten front\n  bind 10.7.0.2:9032\n  server one 127.0.0.1:9033\n")
    with lab.capture(b, ["veth0", "lo"], "tcp portrange 9032-9033"):
        lab.start(b, ["haproxy", "-f", conf], ready=None)
        time.sleep(0.7)
        small_talk(lab, a, b, "10.7.0.2:9032", bind_server="127.0.0.1:9033")


def wire(lab, kind, loss, reorder, delay, mtu):
    """Two namespaces joined by wire.py."""
    a, b = lab.ns("client"), lab.ns("server")
    lab.start(lab.outside, [PYTHON, os.path.join(PEERS, "wire.py"), kind, a.name, b.name,
                            str(loss), str(reorder), str(delay), "7"])
    for i, n in enumerate((a, b), 1):
        n.sh(f"sysctl -qw net.ipv6.conf.wire0.disable_ipv6=1; ip link set wire0 mtu {mtu} up; ip addr add 10.7.0.{i}/24 dev wire0")
    return a, b


@scenario
def raw_ip(lab):
    """Packets that begin with their IP header (a TUN device)."""
    a, b = wire(lab, "tun", 0, 0, 0.002, 1400)
    with lab.capture(b, "wire0", "tcp port 9034"):
        small_talk(lab, a, b, "10.7.0.2:9034")


def lossy_link(lab, port, deflate, sizes):
    a, b = wire(lab, "tap", 0.03, 0.06, 0.004, 576)
    at = f"10.7.0.2:{port}"
    many = [words(n, 50 + i) if i % 3 else noise(n, 50 + i) for i, n in enumerate(sizes)]
    with lab.capture(b, "wire0", f"tcp port {port}", linger=2):
        lab.server(b, "node_ws.mjs", listen=at, deflate=deflate and {"threshold": 0},
                   sessions={"*": {"steps": [["recv", 1], *send(*many)]}})
        lab.client(a, "py_websockets.py", *(
            {"dial": at, "uri": f"/both?c={c}", "deflate": {} if deflate else None,
             "steps": [*send("start", *many), ["recv", len(many)], CLOSE]} for c in (1, 2)))


@scenario
def lossy(lab):
    """A link that loses 3 % and reorders 6 % of its packets, MTU 576; both ways at once."""
    lossy_link(lab, 9035, False, [40, 3000, 9000, 500, 12000, 100, 700, 5000])


@scenario
def lossy_deflate(lab):
    """The same link, with permessage-deflate."""
    lossy_link(lab, 9036, True, [4000, 200, 30000, 6000, 100, 50000, 9000])


def tunnel(lab, kind, port, six=False):
    a, b = lab.pair()
    for i, n in enumerate((a, b), 1):
        lab.start(n, [PYTHON, os.path.join(PEERS, "tunnel.py"), kind, f"10.7.0.{i}", f"10.7.0.{3 - i}",
                      f"02:00:00:00:07:0{3 - i}"])
        n.sh("sysctl -qw net.ipv6.conf.inner0.addr_gen_mode=1; ip link set inner0 mtu 1400 up; "
             + (f"ip addr add fd08::{i}/64 dev inner0 nodad" if six else f"ip addr add 10.8.0.{i}/24 dev inner0"))
    with lab.capture(b, "veth0", {"vlan": "vlan", "qinq": "", "gre": "proto 47", "ipip": "proto 4", "6in4": "proto 41"}[kind]):
        small_talk(lab, a, b, f"[fd08::2]:{port}" if six else f"10.8.0.2:{port}")


@scenario
def vlan(lab):
    """802.1Q: VLAN 7."""
    tunnel(lab, "vlan", 9037)


@scenario
def qinq(lab):
    """802.1ad: VLAN 7 inside service VLAN 100."""
    tunnel(lab, "qinq", 9038)


@scenario
def gre(lab):
    """GRE with a key."""
    tunnel(lab, "gre", 9039)


@scenario
def ipip(lab):
    """IPv4 in IPv4."""
    tunnel(lab, "ipip", 9040)


@scenario
def six_in_four(lab):
    """IPv6 in IPv4."""
    tunnel(lab, "6in4", 9041, six=True)


@scenario
def vxlan(lab):
    """VXLAN, network 42."""
    a, b = lab.pair()
    for i, n in enumerate((a, b), 1):
        n.sh(f"ip link add vx0 type vxlan id 42 local 10.7.0.{i} remote 10.7.0.{3 - i} dstport 4789 dev veth0; "
             f"sysctl -qw net.ipv6.conf.vx0.disable_ipv6=1; ip link set vx0 address 02:00:00:00:08:0{i} up; "
             f"ip addr add 10.8.0.{i}/24 dev vx0; ethtool -K vx0 tso off gso off gro off >/dev/null")
    with lab.capture(b, "veth0", "udp port 4789"):
        small_talk(lab, a, b, "10.8.0.2:9042")


# -- proxies that clients ask for, and what comes before the upgrade ---------

@scenario
def connect_proxy(lab):
    """Through an HTTP proxy with CONNECT (tinyproxy); both of its sides."""
    ns = lab.ns()
    conf = os.path.join(lab.dir, "tinyproxy.conf")
    with open(conf, "w") as f:
        f.write("Port 9050\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\nConnectPort 9051\nMaxClients 5\n")
    with lab.capture(ns, "lo", "tcp portrange 9050-9051"):
        lab.start(ns, ["tinyproxy", "-d", "-c", conf], ready="Accepting")
        small_talk(lab, ns, ns, "127.0.0.1:9051", via="127.0.0.1:9050", proxy="http://127.0.0.1:9050")


@scenario
def socks_proxy(lab):
    """Through a SOCKS5 proxy (microsocks); both of its sides."""
    ns = lab.ns()
    with lab.capture(ns, "lo", "tcp portrange 9052-9053"):
        lab.start(ns, ["microsocks", "-i", "127.0.0.1", "-p", "9052"], ready=None)
        time.sleep(0.5)
        small_talk(lab, ns, ns, "127.0.0.1:9053", via="127.0.0.1:9052", proxy="socks5://127.0.0.1:9052")


@scenario
def proxy_protocol(lab):
    """haproxy putting a PROXY header before the upgrade: version 1, then 2."""
    ns = lab.ns()
    conf = os.path.join(lab.dir, "proxy.conf")
    with open(conf, "w") as f:
        f.write(HAPROXY.format(mode="tcp") + """
listen one
  bind 127.0.0.1:9054
  server node 127.0.0.1:9056 send-proxy
listen two
  bind 127.0.0.1:9055
  server node 127.0.0.1:9056 send-proxy-v2
""")
    steps = [*send("hello", CHINESE, noise(99)), ["recv", 3], CLOSE]
    with lab.capture(ns, "lo", "tcp portrange 9054-9056"):
        lab.server(ns, "node_ws.mjs", listen="127.0.0.1:9056", proxy_protocol=True, sessions={"*": {"echo": True}})
        lab.start(ns, ["haproxy", "-f", conf], ready=None)
        time.sleep(0.7)
        lab.client(ns, "py_websockets.py", {"dial": "127.0.0.1:9054", "uri": "/echo?c=1", "steps": steps},
                   {"dial": "127.0.0.1:9055", "uri": "/echo?c=2", "steps": steps, "after": 0.1})


@scenario
def early(lab):
    """A client whose frames come before the 101; and one whose connection carried plain requests first."""
    ns = lab.ns()
    py, web = "127.0.0.1:9057", "127.0.0.1:9058"
    with lab.capture(ns, "lo", "tcp portrange 9057-9058"):
        lab.server(ns, "py_websockets.py", listen=py, sessions={"*": {"echo": True}})
        lab.server(ns, "py_aiohttp.py", listen=web, sessions={"*": {"echo": True}})
        lab.client(ns, "raw.py",
                   {"dial": py, "uri": "/echo?c=1", "early": [["in the same segment", noise(50)], ["in the next one"]], "recv": 3},
                   {"dial": py, "uri": "/echo?c=2", "early": [[], ["right behind", CHINESE]], "recv": 2},
                   {"dial": web, "uri": "/echo?c=3", "first": ["/state", "/zipped"], "early": [["after two requests"], []], "recv": 1})


@scenario
def together(lab):
    """A server that sends its first messages in the segment of its 101."""
    ns = lab.ns()
    at = "127.0.0.1:9059"
    steps = [["recv", 3], *send("thanks"), ["recv", 4], CLOSE]
    with lab.capture(ns, "lo", "tcp port 9059"):
        lab.server(ns, "raw.py", listen=at, together=["with the 101", "也在一起", noise(40)])
        lab.client(ns, "py_websockets.py", {"dial": at, "uri": "/first?c=1", "steps": steps})
        lab.client(ns, "node_ws.mjs", {"dial": at, "uri": "/first?c=2", "steps": steps})
        lab.client(ns, "browser.py", {"dial": at, "uri": "/first?c=3", "steps": steps})


# -- captures that miss something -------------------------------------------

@scenario
def midstream(lab):
    """The capture begins in the middle of two sessions: one plain, one compressed."""
    ns = lab.ns()
    py, js = "127.0.0.1:9060", "127.0.0.1:9061"
    steps = [*send(*(quote(i) for i in range(5))), ["recv", 5], ["sleep", 3],
             *send(*(quote(i) for i in range(5, 10)), CHINESE, noise(500), words(3000)), ["recv", 13], CLOSE]
    lab.server(ns, "py_websockets.py", listen=py, sessions={"*": {"echo": True}})
    lab.server(ns, "node_ws.mjs", listen=js, deflate={"threshold": 0}, sessions={"*": {"echo": True}})
    one = lab.client(ns, "node_ws.mjs", {"dial": py, "uri": "/echo?c=1", "steps": steps}, wait=False)
    two = lab.client(ns, "py_websockets.py", {"dial": js, "uri": "/echo?c=2", "deflate": {}, "steps": steps}, wait=False)
    time.sleep(1.5)
    with lab.capture(ns, "lo", "tcp portrange 9060-9061"):
        lab.capture_started()
        one.wait(30)
        two.wait(30)


@scenario
def short_snaplen(lab):
    """Only the first 96 bytes of each packet (dumpcap -s 96)."""
    ns = lab.ns()
    at, uri = "127.0.0.1:9062", "/echo?c=1"
    with lab.capture(ns, "lo", "tcp port 9062", options=["-s", "96"]):
        lab.server(ns, "py_websockets.py", listen=at, sessions={uri: {"echo": True}})
        lab.client(ns, "node_ws.mjs", {"dial": at, "uri": uri, "steps": [
            *send("short"), ["recv", 1], *send(words(500)), ["recv", 2], *send("fits"), ["recv", 3],
            *send(noise(5000)), ["recv", 4], *send("done"), ["recv", 5], CLOSE]})


# -- not WebSocket ----------------------------------------------------------

def poll(lab, ns, base):
    """curl on one connection: states, chunks, HEAD, gzip, 204, 304, a POST."""
    lab.run(ns, ["curl", "-s", *(f"{base}/state?n={i}" for i in range(4)), base + "/chunks", base + "/empty"])
    lab.run(ns, ["curl", "-s", "--compressed", base + "/zipped", "--next", "-s", "-I", base + "/zipped", "--next", "-s", "-I", base + "/state",
                 "--next", "-s", "-d", "x=" + "y" * 300, base + "/post"])
    lab.run(ns, ["curl", "-s", "-H", 'If-None-Match: "2"', *(f"{base}/state?n={i}" for i in range(4))])


@scenario
def polling(lab):
    """HTTP polling, long polling and server-sent events by curl; no WebSocket."""
    ns = lab.ns()
    base = "http://127.0.0.1:9063"
    with lab.capture(ns, "lo", "tcp port 9063"):
        lab.server(ns, "py_aiohttp.py", listen="127.0.0.1:9063")
        lab.background += [ns.popen(["curl", "-sN", base + "/events"], stdout=-3, start_new_session=True)]
        poll(lab, ns, base)
        lab.run(ns, ["curl", "-s", *(f"{base}/long?after={i}" for i in range(3))])


@scenario
def polling_and_websocket(lab):
    """A page that polls and has a WebSocket to the same server (Chromium, aiohttp); curl beside it."""
    ns = lab.ns()
    at = "127.0.0.1:9064"
    with lab.capture(ns, "lo", "tcp port 9064"):
        lab.server(ns, "py_aiohttp.py", listen=at, deflate=True, sessions={"/live?c=1": {"echo": True}})
        lab.background += [ns.popen(["curl", "-sN", f"http://{at}/events"], stdout=-3, start_new_session=True)]
        lab.client(ns, "browser.py", {"dial": at, "uri": "/live?c=1", "steps": [
            x for i in range(6) for x in (["send", quote(i)], ["recv", i + 1], ["sleep", 0.15])] + [CLOSE]},
            polls=[[f"http://{at}/state?n=", 6, 0.15], [f"http://{at}/long?after=", 2, 0]])
        poll(lab, ns, "http://" + at)


@scenario
def other(lab):
    """Other protocols, for contrast: DNS, Redis, TLS, SSH, MQTT."""
    ns = lab.ns()
    d = lab.dir
    os.makedirs("/run/sshd", exist_ok=True)
    sh(f"openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=harbour.test -keyout {d}/key.pem -out {d}/cert.pem 2>/dev/null; "
       f"ssh-keygen -q -t ed25519 -N '' -C '' -f {d}/host")
    with lab.capture(ns, "lo", "tcp or udp"):
        lab.start(ns, ["dnsmasq", "-k", "-C", "/dev/null", "-R", "-h", "-u", "root", "-p", "53", "-a", "127.0.0.1", "-z", "-x", f"{d}/pid",
                       "-A", "/harbour.test/192.0.2.7"], ready=None)
        lab.start(ns, ["redis-server", "--port", "6379", "--bind", "127.0.0.1", "--save", "", "--dir", d], ready="Ready to accept")
        lab.start(ns, ["openssl", "s_server", "-quiet", "-www", "-accept", "127.0.0.1:8443", "-key", f"{d}/key.pem", "-cert", f"{d}/cert.pem"], ready=None)
        lab.start(ns, ["/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-p", "2222", "-h", f"{d}/host", "-o", f"PidFile={d}/sshd.pid"], ready=None)
        lab.start(ns, ["mosquitto", "-p", "1883"], ready=None)
        time.sleep(1)
        lab.run(ns, ["dig", "@127.0.0.1", "+tries=1", "harbour.test"])
        lab.run(ns, ["dig", "@127.0.0.1", "+tcp", "harbour.test"])
        for words_ in (["SET", "boat", "red"], ["GET", "boat"], ["RPUSH", "list", "a", "b"], ["LRANGE", "list", "0", "-1"], ["GET", "none"]):
            lab.run(ns, ["redis-cli", *words_])
        lab.run(ns, ["curl", "-sk", "https://127.0.0.1:8443/"])
        lab.run(ns, ["ssh", "-F", "/dev/null", "-p", "2222", "-oBatchMode=yes", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null",
                     "-oIdentitiesOnly=yes", "-oIdentityFile=/dev/null", "nobody@127.0.0.1", "true"], ok=False)
        subscribed = ns.popen(["mosquitto_sub", "-i", "reader", "-t", "news", "-C", "2"], stdout=-3)
        time.sleep(0.4)
        for m in ("first", "second"):
            lab.run(ns, ["mosquitto_pub", "-i", "writer", "-t", "news", "-m", m])
        subscribed.wait(5)


@scenario
def databases(lab):
    """More protocols, for contrast: PostgreSQL, memcached, SMTP, HTTP/2 in clear text."""
    ns = lab.ns()
    d = lab.dir
    sh(f"mkdir {d}/db {d}/www && chmod 755 {d} && chown postgres {d}/db && echo '<p>harbour</p>' > {d}/www/index.html && "
       f"runuser -u postgres -- {PG}/initdb -D {d}/db -A trust -U postgres >/dev/null")
    with lab.capture(ns, "lo", "tcp"):
        lab.start(ns, ["runuser", "-u", "postgres", "--", f"{PG}/postgres", "-D", f"{d}/db", "-h", "127.0.0.1", "-k", f"{d}/db"], ready=None)
        lab.start(ns, ["memcached", "-u", "nobody", "-l", "127.0.0.1"], ready=None)
        lab.start(ns, ["python3", "-W", "ignore", "-m", "smtpd", "-n", "-c", "DebuggingServer", "127.0.0.1:2525"], ready=None)
        lab.start(ns, ["nghttpd", "--no-tls", "-d", f"{d}/www", "-a", "127.0.0.1", "8080"], ready=None)
        time.sleep(2)
        psql = ["psql", "-h", "127.0.0.1", "-U", "postgres", "-qAt"]
        lab.run(ns, [*psql, "-c", "create table quay (id int, name text)", "-c", "insert into quay select n, 'berth ' || n from generate_series(1, 400) n",
                     "-c", "select * from quay", "-c", "select 1/0"], ok=False)
        lab.run(ns, [*psql, "-c", "select count(*) from quay", "-c", "copy quay to stdout", "-c", "drop table quay"])
        talk = "import socket,sys,time\ns=socket.create_connection(('127.0.0.1',int(sys.argv[1])))\n" \
               "for line in sys.argv[2:]:\n s.sendall(line.encode().decode('unicode_escape').encode('latin-1')); time.sleep(.1)\ns.recv(65536)"
        lab.run(ns, ["python3", "-c", talk, "11211", r"set boat 0 0 3\r\nred\r\n", r"get boat none\r\n", r"stats\r\n",
                     r"\x80\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00boat"])
        lab.run(ns, ["python3", "-c", talk, "11211",
                     r"\x80\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00boat",
                     r"\x80\x0a" + r"\x00" * 22])
        lab.run(ns, ["python3", "-c", talk, "2525", r"EHLO quay\r\n", r"MAIL FROM:<a@harbour.test>\r\n", r"RCPT TO:<b@harbour.test>\r\n",
                     r"DATA\r\n", r"Subject: tide\r\n\r\nhigh at noon\r\n.\r\n", r"QUIT\r\n"])
        lab.run(ns, ["nghttp", "-n", *["http://127.0.0.1:8080/index.html"] * 5, "http://127.0.0.1:8080/none"])


# -- other stacks -----------------------------------------------------------

TALK = [*send("hello", CHINESE, EMOJI, noise(300), words(9000)), ["recv", 5]]


@scenario
def aiohttp(lab):
    """aiohttp on both sides, compressed; then plain, with Node's ws as the server."""
    ns = lab.ns()
    one, two = "127.0.0.1:9065", "127.0.0.1:9066"
    with lab.capture(ns, "lo", "tcp portrange 9065-9066"):
        lab.server(ns, "py_aiohttp.py", listen=one, deflate=True, subprotocols=["chat"], sessions={"*": {"echo": True}})
        lab.server(ns, "node_ws.mjs", listen=two, sessions={"*": {"echo": True}})
        lab.client(ns, "py_aiohttp.py",
                   {"dial": one, "uri": "/echo?c=1", "deflate": 15, "subprotocols": ["chat"], "steps": [*TALK, *send(*(quote(i) for i in range(5))), ["recv", 10], CLOSE]},
                   {"dial": two, "uri": "/echo?c=2", "after": 0.2, "steps": [*TALK, ["ping", "aiohttp"], CLOSE]})


@scenario
def tornado(lab):
    """Tornado on both sides, compressed; then plain, with Node's ws as the client."""
    ns = lab.ns()
    one, two = "127.0.0.1:9067", "127.0.0.1:9068"
    with lab.capture(ns, "lo", "tcp portrange 9067-9068"):
        lab.server(ns, "py_tornado.py", listen=one, deflate={}, subprotocols=["chat"], sessions={"*": {"echo": True}})
        lab.server(ns, "py_tornado.py", listen=two, sessions={"*": {"echo": True}})
        lab.client(ns, "py_tornado.py", {"dial": one, "uri": "/echo?c=1", "deflate": {}, "subprotocols": ["chat"], "steps": [
            *TALK, *send(*(quote(i) for i in range(5))), ["recv", 10], CLOSE]})
        lab.client(ns, "node_ws.mjs", {"dial": two, "uri": "/echo?c=2", "steps": [*TALK, ["ping", "tornado"], CLOSE]})


@scenario
def socket_io(lab):
    """Socket.IO: one client that begins with polling and moves to a WebSocket, one with WebSocket only."""
    ns = lab.ns()
    at = "127.0.0.1:9069"
    with lab.capture(ns, "lo", "tcp port 9069"):
        lab.server(ns, "socketio.mjs", listen=at)
        lab.client(ns, "socketio.mjs", {"dial": at, "transports": ["polling", "websocket"]},
                   {"dial": at, "transports": ["websocket"], "after": 0.3})


@scenario
def undici(lab):
    """undici's WebSocket, and the one built into Node, with and without compression."""
    ns = lab.ns()
    one, two = "127.0.0.1:9070", "127.0.0.1:9071"
    with lab.capture(ns, "lo", "tcp portrange 9070-9071"):
        lab.server(ns, "py_websockets.py", listen=one, deflate={}, sessions={"*": {"echo": True}})
        lab.server(ns, "py_websockets.py", listen=two, sessions={"*": {"echo": True}})
        for i, api in enumerate(("undici", "node")):
            lab.client(ns, "node_web.mjs", {"dial": one, "uri": f"/echo?c={2 * i + 1}", "steps": [*TALK, CLOSE]},
                       {"dial": two, "uri": f"/echo?c={2 * i + 2}", "after": 0.2, "steps": [*TALK, CLOSE]}, api=api)


@scenario
def java(lab):
    """java.net.http.WebSocket with fragments, against Python."""
    a, b = lab.pair(mtu=1400)
    at = "10.7.0.2:9072"
    with lab.capture(b, "veth0", "tcp port 9072"):
        lab.server(b, "py_websockets.py", listen=at, sessions={"*": {"echo": True}})
        lab.run(a, ["java", os.path.join(PEERS, "JavaClient.java"), at, "/echo?c=1"])


@scenario
def simple_websocket(lab):
    """simple-websocket over wsproto, against Tornado."""
    ns = lab.ns()
    at = "127.0.0.1:9073"
    with lab.capture(ns, "lo", "tcp port 9073"):
        lab.server(ns, "py_tornado.py", listen=at, sessions={"*": {"echo": True}})
        lab.client(ns, "py_simple.py", {"dial": at, "uri": "/echo?c=1", "steps": [*TALK, CLOSE]})


def build_go_and_rust():
    for kind, build in (("go", "GO111MODULE=off GOPATH=/usr/share/gocode go build -o ../go-server ."),
                        ("rust", "cargo build -q --release --target-dir ../rust")):
        source = os.path.join(WORK, kind + "-source")
        shutil.copytree(os.path.join(PEERS, kind), source, dirs_exist_ok=True)
        sh(f"cd {source} && {build}")


@scenario
def go_and_rust(lab):
    """A Go server (gorilla/websocket) that compresses, with a Rust client (tungstenite) and a Node one."""
    build_go_and_rust()
    a, b = lab.pair(mtu=1400)
    at = "10.7.0.2:9074"
    with lab.capture(a, "veth0", "tcp port 9074"):
        lab.start(b, [os.path.join(WORK, "go-server"), at])
        lab.client(a, "rust", {"dial": at, "uri": "/echo?c=1", "steps": [*TALK, ["ping", "rust"], CLOSE]})
        lab.client(a, "node_ws.mjs", {"dial": at, "uri": "/echo?c=2", "deflate": {"threshold": 0}, "steps": [
            *TALK, *send(*(quote(i) for i in range(10))), ["recv", 15], ["ping", "node"], CLOSE]})


@scenario
def mqtt(lab):
    """MQTT over WebSocket: mosquitto's own WebSocket server (libwebsockets)."""
    ns = lab.ns()
    at = "127.0.0.1:9075"
    conf = os.path.join(lab.dir, "mosquitto.conf")
    with open(conf, "w") as f:
        f.write("listener 1883 127.0.0.1\nlistener 9075 127.0.0.1\nprotocol websockets\nallow_anonymous true\n")
    with lab.capture(ns, "lo", "tcp port 9075"):
        lab.start(ns, ["mosquitto", "-c", conf], ready=None)
        time.sleep(0.7)
        hello = b"\x10\x12\x00\x04MQTT\x04\x02\x00\x3c\x00\x06reader"
        lab.client(ns, "py_websockets.py", {"dial": at, "uri": "/mqtt?c=1", "subprotocols": ["mqtt"], "deflate": {}, "steps": [
            *send(binary(hello)), ["recv", 1], *send(binary(b"\x82\x09\x00\x01\x00\x04news\x00")), ["recv", 2],
            *send(binary(b"\x30\x0b\x00\x04newshello")), ["recv", 3],
            *send(binary(b"\x30\xac\x02\x00\x04news" + b"m" * 294)), ["recv", 4],
            *send(binary(b"\xc0\x00")), ["recv", 5], *send(binary(b"\xe0\x00")), CLOSE]})


# -- TLS: every capture carries its secrets, as a block of its own ----------

def certificates(lab):
    """A certificate with an RSA key and one with an EC key, made for this run only."""
    paths = {}
    for kind, key in (("rsa", ["rsa:2048"]), ("ec", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])):
        cert, private = (os.path.join(lab.dir, f"{kind}-{name}.pem") for name in ("cert", "key"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", *key, "-nodes", "-keyout", private, "-out", cert, "-days", "30",
                        "-subj", "/CN=wscope.test", "-addext", "subjectAltName=DNS:wscope.test,IP:127.0.0.1"],
                       check=True, stderr=subprocess.DEVNULL)
        paths[kind] = {"cert": cert, "key": private}
    return paths


def embed(lab, keylog):
    """Put the secrets into the capture, in front of its packets."""
    out = os.path.join(CAPTURES, lab.name + ".pcapng")
    bare = os.path.join(lab.dir, "bare.pcapng")
    shutil.move(out, bare)
    subprocess.run(["editcap", "--inject-secrets", "tls," + keylog, bare, out], check=True)


def tls_talk(n):
    return [*send(f"connection {n}", CHINESE, noise(700, n)), ["recv", 3], *send(words(18000, n)), ["recv", 4],
            ["ping", "are you there"], CLOSE]


def tls_each(lab, port, kinds):
    """One connection for each of these (peer, options of both sides, options of the server)."""
    ns = lab.ns()
    paths, keylog = certificates(lab), os.path.join(lab.dir, "keys.log")
    with lab.capture(ns, "lo", f"tcp portrange {port}-{port + len(kinds) - 1}"):
        for n, (peer, options, of_server) in enumerate(kinds):
            at, server = f"127.0.0.1:{port + n}", {**options, **of_server}
            lab.server(ns, peer, listen=at, sessions={"*": {"echo": True}}, tls={**paths[server.pop("cert", "rsa")], **server})
            lab.client(ns, peer, {"dial": at, "uri": f"/echo?c={n + 1}", "steps": tls_talk(n + 1),
                                  "tls": {**options, "keylog": keylog}})
    embed(lab, keylog)


OLD = ":@SECLEVEL=0"


@scenario
def tls13(lab):
    """wss in TLS 1.3 (Node, OpenSSL): each cipher suite, and a group that costs another client hello."""
    tls_each(lab, 9100, [
        *(("node_ws.mjs", {"ciphers": f"TLS_{cipher}", "minVersion": "TLSv1.3"}, {})
          for cipher in ("AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256",
                         "AES_128_CCM_SHA256", "AES_128_CCM_8_SHA256")),
        ("node_ws.mjs", {"minVersion": "TLSv1.3"}, {"ecdhCurve": "secp521r1"})])


@scenario
def tls12(lab):
    """wss in TLS 1.2 (Python, OpenSSL): GCM, ChaCha20, CCM, CBC with and without encrypt-then-MAC; ECDHE, DHE and RSA."""
    names = ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305", "AES128-GCM-SHA256",
             "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA384", "AES256-SHA256", "AES128-CCM", "AES256-CCM8"]
    kinds = [("py_websockets.py", {"max": "TLSv1_2", "ciphers": name + OLD}, {}) for name in names]
    kinds += [("py_websockets.py", {"max": "TLSv1_2", "ciphers": name + OLD, "no_etm": True}, {}) for name in names[4:7]]
    kinds += [("py_websockets.py", {"max": "TLSv1_2", "ciphers": "ECDHE-ECDSA-AES128-CCM8" + OLD}, {"cert": "ec"})]
    tls_each(lab, 9110, kinds)


@scenario
def tls10_and_11(lab):
    """wss in TLS 1.0 and 1.1 (Python, OpenSSL): CBC, with and without encrypt-then-MAC."""
    tls_each(lab, 9130, [
        ("py_websockets.py", {"min": version, "max": version, "ciphers": cipher + OLD, "no_etm": no_etm}, {})
        for version in ("TLSv1", "TLSv1_1") for cipher, no_etm in (("AES128-SHA", True), ("ECDHE-RSA-AES256-SHA", False))])


@scenario
def tls_resumed(lab):
    """wss resumed (Node): a session ticket in TLS 1.2, a pre-shared key in TLS 1.3, two connections each."""
    ns = lab.ns()
    paths, keylog = certificates(lab), os.path.join(lab.dir, "keys.log")
    with lab.capture(ns, "lo", "tcp portrange 9140-9141"):
        for n, version in enumerate(("TLSv1.2", "TLSv1.3")):
            at = f"127.0.0.1:{9140 + n}"
            lab.server(ns, "node_ws.mjs", listen=at, sessions={"*": {"echo": True}}, tls=paths["rsa"])
            lab.client(ns, "node_ws.mjs", *(
                {"dial": at, "uri": f"/echo?c={2 * n + m}", "steps": tls_talk(m),
                 "tls": {"maxVersion": version, "resume": m == 2, "keylog": keylog}} for m in (1, 2)), one_by_one=True)
    embed(lab, keylog)


@scenario
def tls_browser(lab):
    """wss from Chromium (BoringSSL) to Python (OpenSSL), with permessage-deflate."""
    ns = lab.ns()
    paths, keylog = certificates(lab), os.path.join(lab.dir, "keys.log")
    at, uri = "127.0.0.1:9150", "/echo?c=1"
    with lab.capture(ns, "lo", "tcp port 9150"):
        lab.server(ns, "py_websockets.py", listen=at, sessions={uri: {"echo": True}}, deflate={}, tls=paths["rsa"])
        lab.client(ns, "browser.py", {"dial": at, "uri": uri, "tls": {}, "steps": [
            *send("hello", CHINESE, EMOJI, noise(1000), *(quote(i) for i in range(10))), ["recv", 14],
            *send(words(100000, 9)), ["recv", 15], CLOSE]}, env={"SSLKEYLOGFILE": keylog})
    embed(lab, keylog)


@scenario
def tls_lossy(lab):
    """wss in TLS 1.2 and 1.3 (Node); the capture has lost every 23rd packet with data."""
    port, ns = 9160, lab.ns()
    paths, keylog = certificates(lab), os.path.join(lab.dir, "keys.log")
    with lab.capture(ns, "lo", f"tcp portrange {port}-{port + 1}"):
        for n, version in enumerate(("TLSv1.2", "TLSv1.3")):
            at = f"127.0.0.1:{port + n}"
            lab.server(ns, "node_ws.mjs", listen=at, sessions={"*": {"steps": slowly(quote(i) for i in range(120))}}, tls=paths["rsa"])
            lab.client(ns, "node_ws.mjs", {
                "dial": at, "uri": f"/quotes?c={n + 1}", "tls": {"maxVersion": version, "keylog": keylog},
                "steps": [*slowly(f"order {i}: buy at the harbour" for i in range(60)), ["recv", 120], ["sleep", 0.3], CLOSE]})
    out = os.path.join(CAPTURES, lab.name + ".pcapng")
    whole = os.path.join(lab.dir, "whole.pcapng")
    shutil.move(out, whole)
    missed = text_of(["tshark", "-r", whole, "-Y", "tcp.len > 0 && tcp.len < 2000 && tls.app_data", "-T", "fields", "-e", "frame.number"])
    numbers = missed.split()[20::23]
    subprocess.run(["editcap", whole, out, *numbers], check=True)
    embed(lab, keylog)


def slowly(texts):
    return [step for text in texts for step in (*send(text), ["sleep", 0.002])]


def text_of(command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@scenario
def tls_tunnel(lab):
    """wss through a CONNECT proxy (tinyproxy): TLS inside the tunnel; both of its sides."""
    ns = lab.ns()
    paths, keylog = certificates(lab), os.path.join(lab.dir, "keys.log")
    conf = os.path.join(lab.dir, "tinyproxy.conf")
    with open(conf, "w") as f:
        f.write("Port 9171\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\nConnectPort 9170\n")
    at = "127.0.0.1:9170"
    with lab.capture(ns, "lo", "tcp portrange 9170-9171"):
        lab.server(ns, "py_websockets.py", listen=at, sessions={"*": {"echo": True}}, tls=paths["rsa"])
        lab.start(ns, ["tinyproxy", "-d", "-c", conf], ready="Accepting")
        lab.client(ns, "py_websockets.py", {
            "dial": at, "via": "127.0.0.1:9171", "proxy": "http://127.0.0.1:9171", "uri": "/echo?c=1",
            "steps": tls_talk(1), "tls": {"keylog": keylog}})
    embed(lab, keylog)


def openssl_talk(lab, ns, port, lines, *options):
    """Type these lines into openssl's client."""
    p = ns.popen(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options], cwd=lab.dir, text=True,
                 stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for line in lines:
        time.sleep(0.6)
        p.stdin.write(line)
        p.stdin.flush()
    p.wait(10)


@scenario
def tls_openssl(lab):
    """HTTP by openssl's own client: key updates in TLS 1.3, early data in a resumed session, renegotiation in TLS 1.2."""
    ns = lab.ns()
    paths, keylog = certificates(lab)["rsa"], os.path.join(lab.dir, "keys.log")
    session, early = (os.path.join(lab.dir, name) for name in ("session.pem", "early.txt"))

    def get(path):
        return f"GET /{path} HTTP/1.1\r\nHost: wscope.test\r\n\r\n"

    with open(early, "w", newline="") as f:
        f.write(get("early"))
    with lab.capture(ns, "lo", "tcp portrange 9180-9181"):
        for port, *options in ((9180, "-early_data"), (9181, "-tls1_2", "-client_renegotiation")):
            p = ns.popen(["openssl", "s_server", "-accept", str(port), "-key", paths["key"], "-cert", paths["cert"],
                          "-keylogfile", keylog, *options], stdin=subprocess.PIPE,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            lab.background.append(p)
        time.sleep(0.5)
        openssl_talk(lab, ns, 9180, [get("one"), "k\n", get("two"), "K\n", get("three"), "Q\n"], "-tls1_3", "-sess_out", session)
        openssl_talk(lab, ns, 9180, [get("late"), "Q\n"], "-tls1_3", "-sess_in", session, "-early_data", early)
        openssl_talk(lab, ns, 9181, [get("before"), "R\n", get("after"), "Q\n"], "-tls1_2")
    embed(lab, keylog)


@scenario
def tls_go_and_rust(lab):
    """wss from rustls (tungstenite) to Go's crypto/tls (gorilla/websocket): the suites that both have, TLS 1.3 and 1.2."""
    build_go_and_rust()
    ns = lab.ns()
    paths, keylog = certificates(lab), os.path.join(lab.dir, "keys.log")
    with lab.capture(ns, "lo", "tcp portrange 9190-9191"):
        for port, kind in ((9190, "rsa"), (9191, "ec")):
            lab.start(ns, [os.path.join(WORK, "go-server"), f"127.0.0.1:{port}", paths[kind]["cert"], paths[kind]["key"]])
        for n, (port, suite) in enumerate((
                (9190, "TLS13_AES_128_GCM_SHA256"), (9190, "TLS13_AES_256_GCM_SHA384"), (9191, "TLS13_CHACHA20_POLY1305_SHA256"),
                (9190, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"), (9190, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
                (9191, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"))):
            lab.client(ns, "rust", {"dial": f"127.0.0.1:{port}", "uri": f"/echo?c={n + 1}", "tls": {"suite": suite},
                                    "steps": [*(step for step in tls_talk(n + 1) if step[0] != "recv")]}, env={"SSLKEYLOGFILE": keylog})
    embed(lab, keylog)


@scenario
def tls_gnutls(lab):
    """wss from GnuTLS (gnutls-cli, behind Python websockets) to Python (OpenSSL): TLS 1.3 and 1.2, GCM, CCM, ChaCha20, CBC."""
    ns = lab.ns()
    paths, keylog = certificates(lab), os.path.join(lab.dir, "keys.log")
    at, server = "127.0.0.1:9195", {**paths["rsa"], "ciphers": "ALL" + OLD}
    with lab.capture(ns, "lo", "tcp port 9195"):
        lab.server(ns, "py_websockets.py", listen=at, sessions={"*": {"echo": True}}, tls=server)
        for n, priority in enumerate((
                "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-256-GCM", "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305",
                "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM", "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CCM:-KX-ALL:+RSA",
                "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-CBC:-KX-ALL:+ECDHE-RSA")):
            lab.client(ns, "py_websockets.py", {
                "dial": at, "uri": f"/echo?c={n + 1}", "steps": tls_talk(n + 1),
                "through": ["gnutls-cli", "--insecure", "--no-ca-verification", "--sni-hostname", "wscope.test", "--logfile", "/dev/null",
                            "--priority", priority, "--port", "9195", "127.0.0.1"]}, env={"SSLKEYLOGFILE": keylog})
    embed(lab, keylog)


@scenario
def tls_padded(lab):
    """wss in TLS 1.3 (Python, OpenSSL) with every record padded to a multiple of 512 bytes."""
    ns = lab.ns()
    paths, keylog = certificates(lab), os.path.join(lab.dir, "keys.log")
    conf, at = os.path.join(lab.dir, "openssl.cnf"), "127.0.0.1:9196"
    with open(conf, "w") as f:
        f.write("openssl_conf = begin\n[begin]\nssl_conf = tls\n[tls]\nsystem_default = all\n[all]\nRecordPadding = 512\n")
    os.environ["OPENSSL_CONF"] = conf
    with lab.capture(ns, "lo", "tcp port 9196"):
        lab.server(ns, "py_websockets.py", listen=at, sessions={"*": {"echo": True}}, tls=paths["rsa"])
        lab.client(ns, "py_websockets.py", {"dial": at, "uri": "/echo?c=1", "steps": tls_talk(1), "tls": {"keylog": keylog}})
    del os.environ["OPENSSL_CONF"]
    embed(lab, keylog)


@scenario
def tls_in_tls(lab):
    """wss through a CONNECT proxy that is itself behind TLS (haproxy, tinyproxy): TLS in TLS; all three sides."""
    ns = lab.ns()
    paths, keylog = certificates(lab), os.path.join(lab.dir, "keys.log")
    both, tiny, front = (os.path.join(lab.dir, name) for name in ("both.pem", "tinyproxy.conf", "haproxy.cfg"))
    with open(both, "w") as f:
        f.write("".join(open(paths["rsa"][part]).read() for part in ("cert", "key")))
    with open(tiny, "w") as f:
        f.write("Port 9202\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\nConnectPort 9200\n")
    with open(front, "w") as f:
        f.write(f"defaults\n timeout connect 5s\n timeout client 1m\n timeout server 1m\n"
                f"listen proxy\n bind 127.0.0.1:9201 ssl crt {both}\n server tiny 127.0.0.1:9202\n")
    at = "127.0.0.1:9200"
    with lab.capture(ns, "lo", "tcp portrange 9200-9202"):
        lab.server(ns, "py_websockets.py", listen=at, sessions={"*": {"echo": True}}, deflate={}, tls=paths["rsa"])
        lab.start(ns, ["tinyproxy", "-d", "-c", tiny], ready="Accepting")
        lab.start(ns, ["haproxy", "-db", "-f", front], ready=None)
        time.sleep(0.5)
        lab.client(ns, "py_websockets.py", {
            "dial": at, "via": "127.0.0.1:9201", "proxy": "https://127.0.0.1:9201", "uri": "/echo?c=1", "deflate": {},
            "steps": tls_talk(1), "tls": {"keylog": keylog}})
    embed(lab, keylog)


@scenario
def tls_corners(lab):
    """HTTP/2 agreed on by ALPN (curl, nghttpd), and early data that the server refuses when its session is used again (openssl)."""
    ns = lab.ns()
    paths, keylog = certificates(lab)["rsa"], os.path.join(lab.dir, "keys.log")
    session, early = (os.path.join(lab.dir, name) for name in ("session.pem", "early.txt"))
    with open(early, "w", newline="") as f:
        f.write("GET /early HTTP/1.1\r\nHost: wscope.test\r\n\r\n")
    with lab.capture(ns, "lo", "tcp portrange 9205-9206"):
        lab.start(ns, ["nghttpd", "-d", lab.dir, "-a", "127.0.0.1", "9205", paths["key"], paths["cert"]], ready=None)
        p = ns.popen(["openssl", "s_server", "-accept", "9206", "-key", paths["key"], "-cert", paths["cert"],
                      "-keylogfile", keylog, "-early_data", "-num_tickets", "1"], stdin=subprocess.PIPE,
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        lab.background.append(p)
        time.sleep(0.5)
        os.environ["SSLKEYLOGFILE"] = keylog
        lab.run(ns, ["curl", "-sk", "--http2", "https://127.0.0.1:9205/early.txt"])
        del os.environ["SSLKEYLOGFILE"]
        openssl_talk(lab, ns, 9206, ["GET /one HTTP/1.1\r\nHost: wscope.test\r\n\r\n", "Q\n"], "-tls1_3", "-sess_out", session)
        for _ in "12":  # a session is good for early data once
            openssl_talk(lab, ns, 9206, ["GET /late HTTP/1.1\r\nHost: wscope.test\r\n\r\n", "Q\n"],
                         "-tls1_3", "-sess_in", session, "-early_data", early, "-keylogfile", keylog)
    embed(lab, keylog)


# -- the run ----------------------------------------------------------------

def main(names):
    if names == ["--list"]:
        for name, function in scenarios.items():
            print(f"{name:28} {function.__doc__}")
        return 0
    failed = []
    for name in names or scenarios:
        print(name, end=" ", flush=True)
        lab = Lab(name)
        try:
            scenarios[name](lab)
            lab.finish()
            print("ok", flush=True)
        except Exception:
            failed.append(name)
            traceback.print_exc()
        finally:
            lab.close()
    if failed:
        print("failed:", *failed)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
