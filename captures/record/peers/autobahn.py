"""Echo, for the Autobahn test suite: `autobahn.py serve PORT` or `autobahn.py run URL AGENT`."""

import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import WebSocketException

OPTIONS = {"max_size": None, "ping_interval": None, "compression": None}


async def echo(ws):
    async for message in ws:
        await ws.send(message)


async def run(url, agent):
    async with connect(f"{url}/getCaseCount", **OPTIONS) as ws:
        count = int(await ws.recv())
    for case in range(1, count + 1):
        try:
            async with connect(f"{url}/runCase?case={case}&agent={agent}", **OPTIONS) as ws:
                await echo(ws)
        except WebSocketException:
            pass  # That is what most cases are about.
    async with connect(f"{url}/updateReports?agent={agent}", **OPTIONS):
        pass


async def listen(port):
    async with serve(echo, "127.0.0.1", port, **OPTIONS):
        await asyncio.Future()


if sys.argv[1] == "serve":
    asyncio.run(listen(int(sys.argv[2])))
else:
    asyncio.run(run(*sys.argv[2:4]))
