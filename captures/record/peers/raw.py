"""Peers that do what no ordinary library does, on plain sockets; wsproto makes the bytes.

client "early":    frames right behind the upgrade request, before its 101
client "wrong":    bytes that break the protocol (logged as "wrong", not as a send)
client "first":    ordinary requests before the upgrade, on the same connection
server "together": the 101 and frames in one segment
"""

import base64
import hashlib
import os
import socket
from importlib.metadata import version

from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

from common import Log, address, described, name_of, now, payload_of, read_spec

spec = read_spec()
log = Log(spec["role"], f"plain socket, wsproto {version('wsproto')}")
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Talk:
    def __init__(self, sock, role, server, uri):
        self.sock, self.ws, self.server, self.uri = sock, Connection(role), server, uri
        self.got, self.closing, self.text, self.data = 0, False, "", b""

    def note(self, do, t=None, **more):
        log.write(t or now(), self.server, self.uri, do, **more)

    def bytes_of(self, payloads):
        out = b""
        for p in payloads:
            p = payload_of(p)
            self.note("send", **described(p))
            out += self.ws.send(TextMessage(p) if isinstance(p, str) else BytesMessage(p))
        return out

    def close(self, code, reason):
        self.note("send", kind="close", length=2 + len(reason), code=code, reason=reason)
        self.closing = True
        self.sock.sendall(self.ws.send(CloseConnection(code, reason)))

    def read(self, data, echo=False):
        """Take bytes in; False when the connection is over."""
        t = now()
        self.ws.receive_data(data or None)
        for event in self.ws.events():
            if isinstance(event, (TextMessage, BytesMessage)):
                if isinstance(event, TextMessage):
                    self.text += event.data
                else:
                    self.data += event.data
                if event.message_finished:
                    message = self.text if isinstance(event, TextMessage) else self.data
                    self.text, self.data = "", b""
                    self.note("receive", t, **described(message))
                    self.got += 1
                    if echo:
                        self.sock.sendall(self.bytes_of([message if isinstance(message, str) else {
                            "b64": base64.b64encode(message).decode()}]))
            elif isinstance(event, Ping):
                self.note("receive", t, **described(event.payload, "ping"))
                self.sock.sendall(self.ws.send(event.response()))
            elif isinstance(event, CloseConnection):
                if data:
                    self.note("receive", t, kind="close", length=2 + len((event.reason or "").encode()),
                              code=int(event.code), reason=event.reason or "")
                if not self.closing:
                    self.sock.sendall(self.ws.send(event.response()))
                self.note("closed", code=int(event.code), reason=event.reason or "")
                return False
        return bool(data)


def head_of(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            break
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest


def client(session):
    sock = socket.create_connection(address(session["dial"]))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    talk = Talk(sock, ConnectionType.CLIENT, session["dial"], session["uri"])
    request = (f"GET {session['uri']} HTTP/1.1\r\nHost: {session['dial']}\r\nUpgrade: websocket\r\n"
               f"Connection: Upgrade\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
               "Sec-WebSocket-Version: 13\r\n\r\n").encode()
    together, after = session.get("early", [["hello"], []])
    for path in session.get("first", ()):  # ordinary requests on the same connection
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {session['dial']}\r\n\r\n".encode())
        head, body = head_of(sock)
        length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
        while len(body) < length:
            body += sock.recv(65536)
    sock.sendall(request + talk.bytes_of(together))
    if after:
        sock.sendall(talk.bytes_of(after))
    head, rest = head_of(sock)
    assert " 101 " in head, head
    talk.note("open")
    talk.read(rest) if rest else None
    while talk.got < session["recv"]:
        talk.read(sock.recv(65536))
    if wrong := session.get("wrong"):
        talk.note("wrong", text=wrong[0], base64=base64.b64encode(bytes.fromhex(wrong[1])).decode())
        sock.sendall(bytes.fromhex(wrong[1]))
        # Where it does nothing else wrong, it does not close twice.
        talk.closing = "patience" in session and wrong[1][1] == "8"
        sock.settimeout(session.get("patience"))
    else:
        talk.close(1000, "done")
    going = True
    while going:
        try:
            going = talk.read(sock.recv(65536))
        except TimeoutError:  # the server bears it
            going = not talk.closing
            if going:
                talk.close(1000, "done")
        except ConnectionResetError as e:
            talk.note("error", text=str(e))
            going = False
    sock.close()


def server():
    listener = socket.create_server(address(spec["listen"]))
    print("ready", flush=True)
    while True:
        sock, _ = listener.accept()
        head, rest = head_of(sock)
        uri = head.split(" ")[1]
        key = next(h.split(": ", 1)[1] for h in head.split("\r\n") if h.lower().startswith("sec-websocket-key:"))
        accept = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()
        talk = Talk(sock, ConnectionType.SERVER, name_of(sock.getsockname()), uri)
        talk.note("open")
        answer = ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  f"Sec-WebSocket-Accept: {accept}\r\n\r\n").encode()
        sock.sendall(answer + talk.bytes_of(spec["together"]))
        while talk.read(sock.recv(65536), echo=True):
            pass
        sock.close()


if spec["role"] == "server":
    server()
else:
    for s in spec["sessions"]:
        client(s)
