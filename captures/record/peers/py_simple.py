"""A WebSocket client made of `simple-websocket` (over `wsproto`)."""

import asyncio
from importlib.metadata import version

import simple_websocket

from common import Log, now, read_spec
from session import play

spec = read_spec()
log = Log(spec["role"], f"simple-websocket {version('simple-websocket')}, wsproto {version('wsproto')}")


class Peer:
    def __init__(self, ws):
        self.ws, self.end = ws, (None, None)

    async def send(self, message):
        await self.ws.send(message)

    async def close(self, code, reason):
        try:
            await self.ws.close(code, reason)
        except simple_websocket.ConnectionClosed as e:
            self.end = int(e.reason), e.message

    async def messages(self):
        try:
            while True:
                yield await self.ws.receive()
        except simple_websocket.ConnectionClosed as e:
            self.end = int(e.reason), e.message

    def ending(self):
        return self.end


async def one_client(session):
    await asyncio.sleep(session.get("after", 0))
    dial, uri = session["dial"], session["uri"]
    ws = await simple_websocket.AioClient.connect(f"ws://{dial}{uri}", subprotocols=session.get("subprotocols"))
    await play(Peer(ws), session, log, dial, uri, now(), subprotocol=ws.subprotocol)


async def clients():
    await asyncio.gather(*(one_client(s) for s in spec["sessions"]))


asyncio.run(clients())
