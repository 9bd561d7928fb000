"""What the Python peers share: the endpoint log, payloads, and the script of steps.

A peer gets one JSON file (its *spec*, written by `record.py`).  A session in it:

    {"uri": "/echo?c=1", "dial": "127.0.0.1:9001", "echo": false, "steps": [...]}

Steps, run in order:

    ["send", P]              one message; P is a string (text) or {"b64": ...} (binary)
    ["frag", [P, ...], s]    one message in fragments, s seconds apart
    ["ping", "text"]         a ping (and wait for its pong)
    ["sleep", s]
    ["recv", n]              wait until n messages have come in all
    ["close", code, reason]  start the closing handshake; code null = empty body
    ["reset"]                drop the connection with a RST (SO_LINGER 0)
    ["kill"]                 SIGKILL to oneself
    ["deaf"], ["hear"]       stop reading from the socket, and go on

After its steps a session waits for the connection to close.
"""

import base64
import hashlib
import json
import os
import ssl
import sys
import time

now = time.time


class Log:
    """One JSON object per line, flushed at once."""

    def __init__(self, who, program, path=None):
        self.who, self.program = who, program
        self.file = open(path or os.environ["WSLOG"], "a", encoding="utf-8")

    def write(self, t, server, uri, do, **more):
        line = {"t": round(t, 6), "who": self.who, "program": self.program,
                "server": server, "uri": uri, "do": do}
        line.update({k: v for k, v in more.items() if v is not None})
        self.file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self.file.flush()


def described(payload, kind=None):
    """The keys that tell a payload: kind, length, and text / base64 / sha1."""
    if isinstance(payload, str):
        kind, raw = kind or "text", payload.encode()
    else:
        kind, raw = kind or "binary", bytes(payload)
    out = {"kind": kind, "length": len(raw)}
    if len(raw) > 4096:
        out["sha1"] = hashlib.sha1(raw).hexdigest()
    elif kind == "text":
        out["text"] = raw.decode()
    else:
        out["base64"] = base64.b64encode(raw).decode()
    return out


def payload_of(p):
    return p if isinstance(p, str) else base64.b64decode(p["b64"])


def tls_of(options, server):
    """An `ssl` context from {"cert", "key", "min", "max", "ciphers", "no_etm", "keylog"}; None from None."""
    if options is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    if server:
        context.load_cert_chain(options["cert"], options["key"])
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    for name in ("min", "max"):
        if name in options:
            setattr(context, {"min": "minimum_version", "max": "maximum_version"}[name],
                    ssl.TLSVersion[options[name]])
    if "ciphers" in options:
        context.set_ciphers(options["ciphers"])
    if options.get("no_etm"):
        context.options |= 1 << 19  # SSL_OP_NO_ENCRYPT_THEN_MAC
    if "curve" in options:
        context.set_ecdh_curve(options["curve"])
    if "alpn" in options:
        context.set_alpn_protocols(options["alpn"])
    if "keylog" in options:
        context.keylog_filename = options["keylog"]
    return context


def read_spec():
    with open(sys.argv[1], encoding="utf-8") as f:
        return json.load(f)


def address(name):
    """("127.0.0.1", 80) from "127.0.0.1:80"; brackets around IPv6."""
    host, port = name.rsplit(":", 1)
    return host.strip("[]"), int(port)


def name_of(addr):
    """"127.0.0.1:80" or "[::1]:80" from a socket address."""
    host, port = addr[0].split("%")[0], addr[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
