"""A WebSocket server or client made of `aiohttp`; the server also answers plain HTTP."""

import asyncio
import gzip
import json

import aiohttp
from aiohttp import web

from common import Log, address, name_of, now, read_spec
from session import play

spec = read_spec()
log = Log(spec["role"], f"aiohttp {aiohttp.__version__}")


class Peer:
    def __init__(self, ws):
        self.ws, self.reason = ws, None

    async def send(self, message):
        await (self.ws.send_str(message) if isinstance(message, str) else self.ws.send_bytes(message))

    async def ping(self, data):
        await self.ws.ping(data)

    async def close(self, code, reason):
        await self.ws.close(code=code, message=reason.encode())

    async def messages(self):
        while True:
            m = await self.ws.receive()
            if m.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                yield m.data
            else:
                if m.type is aiohttp.WSMsgType.CLOSE:
                    self.reason = m.extra
                return

    def ending(self):
        return self.ws.close_code, self.reason


async def websocket(request):
    ws = web.WebSocketResponse(compress=bool(spec.get("deflate", False)), max_msg_size=0,
                               protocols=spec.get("subprotocols", ()))
    opened = now()
    await ws.prepare(request)
    uri = request.raw_path
    sessions = spec.get("sessions", {})
    await play(Peer(ws), sessions.get(uri, sessions.get("*", {"echo": True})), log,
               name_of(request.transport.get_extra_info("sockname")), uri, opened,
               subprotocol=ws.ws_protocol, extensions=ws.headers.get("Sec-WebSocket-Extensions"))
    return ws


# -- plain HTTP -------------------------------------------------------------

OPEN = {"Access-Control-Allow-Origin": "*"}
polled = 0


async def state(request):  # a poll: mostly "nothing new"
    global polled
    polled += 1
    tag = f'"{polled // 3}"'
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers={"ETag": tag, **OPEN})
    return web.json_response({"state": polled // 3}, headers={"ETag": tag, **OPEN})


async def empty(request):
    return web.Response(status=204, headers=OPEN)


async def chunks(request):
    res = web.StreamResponse(headers=OPEN)
    res.content_type = "text/plain"
    res.enable_chunked_encoding()
    await res.prepare(request)
    for i in range(5):
        await res.write(f"chunk {i}\n".encode() * (i + 1))
        await asyncio.sleep(0.02)
    await res.write_eof()
    return res


async def zipped(request):
    body = gzip.compress(json.dumps([{"n": i, "name": "harbour"} for i in range(100)]).encode(), mtime=0)
    return web.Response(body=body, headers={"Content-Encoding": "gzip", "Content-Type": "application/json", **OPEN})


async def long_poll(request):
    await asyncio.sleep(0.6)
    return web.json_response({"news": request.query.get("after")}, headers=OPEN)


async def events(request):
    res = web.StreamResponse(headers={"Cache-Control": "no-store", **OPEN})
    res.content_type = "text/event-stream"
    await res.prepare(request)
    for i in range(6):
        await res.write(f"id: {i}\nevent: tick\ndata: {{\"n\": {i}}}\n\n".encode())
        await asyncio.sleep(0.15)
    await res.write(b": bye\n\n")
    return res


async def posted(request):
    body = await request.read()
    return web.json_response({"got": len(body)}, status=201, headers=OPEN)


async def server():
    app = web.Application()
    for path, handler in (("/state", state), ("/empty", empty), ("/chunks", chunks), ("/zipped", zipped),
                          ("/long", long_poll), ("/events", events)):
        app.router.add_get(path, handler)
    app.router.add_post("/post", posted)
    app.router.add_get("/{path:.*}", websocket)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, *address(spec["listen"])).start()
    print("ready", flush=True)
    await asyncio.get_running_loop().create_future()


async def one_client(session):
    await asyncio.sleep(session.get("after", 0))
    dial, uri = session["dial"], session["uri"]
    async with aiohttp.ClientSession() as http:
        try:
            ws = await http.ws_connect(f"ws://{dial}{uri}", compress=session.get("deflate", 0), max_msg_size=0,
                                       protocols=session.get("subprotocols", ()))
        except aiohttp.WSServerHandshakeError as e:
            return log.write(now(), dial, uri, "refused", status=e.status)
        await play(Peer(ws), session, log, dial, uri, now(), subprotocol=ws.protocol,
                   extensions=ws._response.headers.get("Sec-WebSocket-Extensions"))


async def clients():
    await asyncio.gather(*(one_client(s) for s in spec["sessions"]))


asyncio.run(server() if spec["role"] == "server" else clients())
