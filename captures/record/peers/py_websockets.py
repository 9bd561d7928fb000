"""A WebSocket server or client made of Python's `websockets`."""

import asyncio
import contextlib
import http
import os
import signal
import socket
import struct

import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory)
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Response

from common import Log, address, described, name_of, now, payload_of, read_spec, tls_of

spec = read_spec()
log = Log(spec["role"], f"python websockets {websockets.__version__}")


class Logged:
    """Log the control frames, which the ordinary API does not hand on."""

    at = uri = None

    def process_event(self, event):
        if isinstance(event, Frame):
            t = now()
            if event.opcode is Opcode.PING or event.opcode is Opcode.PONG:
                kind = event.opcode.name.lower()
                log.write(t, self.at, self.uri, "receive", **described(event.data, kind))
            elif event.opcode is Opcode.CLOSE:
                close = Close.parse(event.data)
                log.write(t, self.at, self.uri, "receive", kind="close",
                          length=len(event.data), code=int(close.code), reason=close.reason)
        super().process_event(event)


class LoggedClient(Logged, ClientConnection):
    pass


class LoggedServer(Logged, ServerConnection):
    pass


async def run_session(ws, session, server, uri, opened):
    def note(do, t=None, **more):
        log.write(t or now(), server, uri, do, **more)

    extensions = ws.response.headers.get("Sec-WebSocket-Extensions")
    note("open", opened, subprotocol=ws.subprotocol, extensions=extensions)
    got, news = 0, asyncio.Condition()

    async def send(message, t=None):
        note("send", now(), **described(message))
        await ws.send(message)

    async def read():
        nonlocal got
        try:
            async for message in ws:
                t = now()
                note("receive", t, **described(message))
                async with news:
                    got += 1
                    news.notify_all()
                if session.get("echo"):
                    await send(message)
        except websockets.ConnectionClosed:
            pass

    async def fragments(parts, pause):
        for i, part in enumerate(parts):
            if i:
                await asyncio.sleep(pause)
            yield part

    async def steps():
        for name, *args in session.get("steps", []):
            if name == "send":
                await send(payload_of(args[0]))
            elif name == "frag":
                parts = [payload_of(p) for p in args[0]]
                whole = (b"" if isinstance(parts[0], bytes) else "").join(parts)
                note("send", now(), **described(whole))
                await ws.send(fragments(parts, args[1]))
            elif name == "ping":
                data = args[0].encode()
                note("send", now(), **described(data, "ping"))
                pong = await ws.ping(data)
                if not args[1:]:
                    await pong
            elif name == "sleep":
                await asyncio.sleep(args[0])
            elif name == "recv":
                async with news:
                    await asyncio.wait_for(news.wait_for(lambda: got >= args[0]), 60)
            elif name == "close":
                code, reason = args
                note("send", now(), kind="close", length=2 + len(reason.encode()),
                     code=code, reason=reason)
                await ws.close(code, reason)
            elif name == "reset":
                sock = ws.transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                note("reset")
                ws.transport.abort()
            elif name == "kill":
                note("killed")
                os.kill(os.getpid(), signal.SIGKILL)
            elif name == "deaf":
                ws.transport.pause_reading()
            elif name == "hear":
                ws.transport.resume_reading()

    async def pings(period):
        with contextlib.suppress(websockets.ConnectionClosed):
            for i in range(1000):
                await asyncio.sleep(period)
                data = f"ping {i}".encode()
                note("send", now(), **described(data, "ping"))
                await ws.ping(data)

    reading = asyncio.create_task(read())
    pinging = asyncio.create_task(pings(session["pinger"])) if session.get("pinger") else None
    try:
        await steps()
    except websockets.ConnectionClosed:
        pass
    await asyncio.wait_for(reading, session.get("patience", 60))
    await ws.wait_closed()
    if pinging:
        pinging.cancel()
    note("closed", code=ws.close_code, reason=ws.close_reason)


def deflate_of(factory, options):
    return None if options is None else [factory(**options)]


async def server():
    sessions = spec.get("sessions", {})
    running = 0

    async def handler(ws):
        await run_session(ws, sessions.get(ws.request.path, sessions.get("*", {"echo": True})),
                          ws.at, ws.uri, ws.opened)

    def request(ws, req):
        ws.at, ws.uri = name_of(ws.local_address), req.path
        sock = ws.transport.get_extra_info("socket")
        if alive := spec.get("keepalive"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, alive[0])
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, alive[1])
        for prefix, (status, headers, body) in spec.get("refuse", {}).items():
            if req.path.startswith(prefix):
                t = now()
                log.write(t, ws.at, ws.uri, "refused", status=status)
                body = body.encode()
                return Response(status, http.HTTPStatus(status).phrase,
                                Headers([*headers, ("Content-Length", str(len(body)))]), body)

    def response(ws, req, res):
        ws.opened = now()

    host, port = address(spec["listen"])
    async with serve(handler, host, port, create_connection=LoggedServer, compression=None,
                     extensions=deflate_of(ServerPerMessageDeflateFactory, spec.get("deflate")),
                     subprotocols=spec.get("subprotocols"), process_request=request,
                     ssl=tls_of(spec.get("tls"), True),
                     process_response=response, ping_interval=None, max_size=None,
                     server_header=None if spec.get("quiet") else "websockets"):
        print("ready", flush=True)
        await asyncio.get_running_loop().create_future()


async def one_client(session):
    await asyncio.sleep(session.get("after", 0))
    dial, uri = session["dial"], session["uri"]
    host, port = address(dial)
    at = session.get("via", dial)  # the other end of its TCP connection
    kwargs = {"proxy": session.get("proxy")}
    if kwargs["proxy"] is None:
        bind, buffer = session.get("bind"), session.get("buffer")
        if "through" in session:  # another program speaks TLS, and TCP
            ours, theirs = socket.socketpair()
            await asyncio.create_subprocess_exec(*session["through"], stdin=theirs, stdout=theirs)
            theirs.close()
            kwargs["sock"] = ours
        elif bind or buffer:
            sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            if bind:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(address(bind))
            if buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, (host, port))
            kwargs["sock"] = sock
        else:
            kwargs |= {"host": host, "port": port}

    def connection(*args, **kw):
        ws = LoggedClient(*args, **kw)
        ws.at, ws.uri = at, uri
        return ws

    try:
        tls = tls_of(session.get("tls"), False)
        scheme = "wss" if tls else "ws"
        if tls:
            kwargs["ssl"] = tls
            kwargs["server_hostname"] = "wscope.test"
        if session.get("proxy", "http:").startswith("https:"):
            kwargs["proxy_ssl"] = tls_of(session["tls"], False)
        ws = await connect(f"{scheme}://{session.get('host', dial)}{uri}", create_connection=connection,
                           compression=None, ping_interval=None, max_size=None,
                           extensions=deflate_of(ClientPerMessageDeflateFactory, session.get("deflate")),
                           subprotocols=session.get("subprotocols"),
                           additional_headers=session.get("headers"), **kwargs)
    except websockets.InvalidStatus as e:
        return log.write(now(), at, uri, "refused", status=e.response.status_code)
    except (OSError, websockets.WebSocketException) as e:
        return log.write(now(), at, uri, "error", text=f"{type(e).__name__}: {e}")
    await run_session(ws, session, at, uri, now())


async def clients():
    await asyncio.gather(*(one_client(s) for s in spec["sessions"]))


asyncio.run(server() if spec["role"] == "server" else clients())
