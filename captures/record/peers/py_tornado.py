"""A WebSocket server or client made of `tornado`."""

import asyncio

import tornado
import tornado.web
import tornado.websocket

from common import Log, address, name_of, now, read_spec
from session import play

spec = read_spec()
log = Log(spec["role"], f"tornado {tornado.version}")


class Peer:
    def __init__(self, ws):
        self.ws, self.queue = ws, asyncio.Queue()

    async def send(self, message):
        await self.ws.write_message(message, binary=isinstance(message, bytes))

    async def ping(self, data):
        self.ws.ping(data)

    async def close(self, code, reason):
        self.ws.close(code, reason)

    async def messages(self):
        while (message := await self.queue.get()) is not None:
            yield message

    def ending(self):
        return self.ws.close_code, self.ws.close_reason


class Handler(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        return True

    def get_compression_options(self):
        return spec.get("deflate")

    def select_subprotocol(self, offered):
        return next((p for p in offered if p in spec.get("subprotocols", ())), None)

    def open(self):
        t, uri = now(), self.request.uri
        self.peer = Peer(self)
        sessions = spec.get("sessions", {})
        local = name_of(self.ws_connection.stream.socket.getsockname())
        self.task = asyncio.create_task(play(
            self.peer, sessions.get(uri, sessions.get("*", {"echo": True})), log, local, uri, t,
            subprotocol=self.selected_subprotocol))

    def on_message(self, message):
        self.peer.queue.put_nowait(message)

    def on_ping(self, data):
        self.peer.queue.put_nowait(("ping", data))

    def on_pong(self, data):
        self.peer.queue.put_nowait(("pong", data))

    def on_close(self):
        self.peer.queue.put_nowait(None)


async def server():
    app = tornado.web.Application([(r"/.*", Handler)], websocket_ping_interval=0)
    host, port = address(spec["listen"])
    app.listen(port, host)
    print("ready", flush=True)
    await asyncio.get_running_loop().create_future()


async def one_client(session):
    await asyncio.sleep(session.get("after", 0))
    dial, uri = session["dial"], session["uri"]
    peer = Peer(None)
    ws = await tornado.websocket.websocket_connect(
        f"ws://{dial}{uri}", on_message_callback=peer.queue.put_nowait,
        compression_options=session.get("deflate"), subprotocols=session.get("subprotocols"))
    peer.ws = ws
    await play(peer, session, log, dial, uri, now(), subprotocol=ws.selected_subprotocol)


async def clients():
    await asyncio.gather(*(one_client(s) for s in spec["sessions"]))


asyncio.run(server() if spec["role"] == "server" else clients())
