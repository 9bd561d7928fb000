"""Play a session over any asyncio WebSocket; aiohttp.py, tornado.py and simple.py adapt theirs.

The peer given has: `send(message)`, `ping(data)`, `close(code, reason)`,
`messages()` (an async iterator), and after the end `ending()` -> (code, reason).
"""

import asyncio

from common import described, now, payload_of


async def play(peer, session, log, server, uri, opened, **about):
    def note(do, t=None, **more):
        log.write(t or now(), server, uri, do, **more)

    note("open", opened, **about)
    got, news = 0, asyncio.Condition()

    async def send(message):
        note("send", **described(message))
        await peer.send(message)

    async def read():
        nonlocal got
        async for message in peer.messages():
            t = now()
            if isinstance(message, tuple):  # ("ping", data) and the like
                note("receive", t, **described(message[1], message[0]))
                continue
            note("receive", t, **described(message))
            async with news:
                got += 1
                news.notify_all()
            if session.get("echo"):
                await send(message)

    async def steps():
        for name, *args in session.get("steps", []):
            if name == "send":
                await send(payload_of(args[0]))
            elif name == "ping":
                note("send", **described(args[0].encode(), "ping"))
                await peer.ping(args[0].encode())
            elif name == "sleep":
                await asyncio.sleep(args[0])
            elif name == "recv":
                async with news:
                    await asyncio.wait_for(news.wait_for(lambda: got >= args[0]), 60)
            elif name == "close":
                code, reason = args
                note("send", kind="close", length=2 + len(reason.encode()), code=code, reason=reason)
                await peer.close(code, reason)

    reading = asyncio.create_task(read())
    await steps()
    await reading
    code, reason = peer.ending()
    note("closed", code=code, reason=reason)
