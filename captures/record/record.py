"""Every capture of this project, as a function of its name.  Run it with run.sh."""

import base64
import json
import os
import random
import shutil
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


@scenario
def nginx(lab):
    """nginx as a reverse proxy; both of its sides."""
    through(lab, ["nginx", "-c"], f"""\
daemon off; worker_processes 1; master_process off; pid {lab.dir}/nginx.pid; error_log {lab.dir}/error.log;
events {{ }}
http {{
  access_log off; client_body_temp_path {lab.dir}/b; proxy_temp_path {lab.dir}/p;
  fastcgi_temp_path {lab.dir}/f; uwsgi_temp_path {lab.dir}/u; scgi_temp_path {lab.dir}/s;
  server {{
    listen 127.0.0.1:9012;
    location / {{
      proxy_pass http://127.0.0.1:9013; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
      proxy_set_header X-Forwarded-For $remote_addr;
    }}
  }}
}}
""", 9012, 9013)


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
