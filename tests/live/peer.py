"""A peer that says what it sends and gets: `peer.py server PORT` or `peer.py client HOST PORT COUNT GAP SIZE`.

Every message is a line on standard output: who, whether sent or got, the time, and the payload. With
PEER_TLS=DIR both speak TLS: DIR/cert.pem and DIR/key.pem are the server's, DIR/keys.log gets the client's secrets.
"""

import asyncio
import base64
import json
import os
import ssl
import sys
import time

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

ROLE = sys.argv[1]
TLS = os.environ.get("PEER_TLS")


def log(do, message, at=None):
    """`at` is when it was handed to the library."""
    if isinstance(message, str):
        payload = {"text": message}
    else:
        payload = {"base64": base64.b64encode(message).decode()}
    print(json.dumps({"who": ROLE, "do": do, "t": at or time.time(), **payload}), flush=True)


def context():
    if TLS is None:
        return None
    if ROLE == "server":
        found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        found.load_cert_chain(f"{TLS}/cert.pem", f"{TLS}/key.pem")
        return found
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    found.check_hostname = False
    found.verify_mode = ssl.CERT_NONE
    found.keylog_filename = f"{TLS}/keys.log"
    return found


async def server(port):
    async def echo(ws):
        async for message in ws:
            log("got", message)
            answer = message[::-1]
            at = time.time()
            await ws.send(answer)
            log("sent", answer, at)

    async with serve(echo, "", port, max_size=None, ssl=context()):
        print("ready", flush=True)
        await asyncio.Future()


async def client(host, port, count, gap, size):
    scheme = "wss" if TLS else "ws"
    async with connect(f"{scheme}://{host}:{port}/live", max_size=None, ssl=context()) as ws:
        for i in range(count):
            kinds = [f"message {i}", f"你好 {i} 🌊", bytes([i % 256, 0, 255]), os.urandom(size), "x" * size]
            message = kinds[i % len(kinds)]
            at = time.time()
            await ws.send(message)
            log("sent", message, at)
            log("got", await ws.recv())
            await asyncio.sleep(gap)


if ROLE == "server":
    asyncio.run(server(int(sys.argv[2])))
else:
    host, port, count, gap, size = sys.argv[2:7]
    asyncio.run(client(host, int(port), int(count), float(gap), int(size)))
