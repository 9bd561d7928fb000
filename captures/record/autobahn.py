"""Record the Autobahn test suite against other authors' servers and clients.

    WSCOPE_RECORD=DIR captures/record/autobahn.py WSTEST

DIR is the directory that run.sh made, WSTEST the suite's program: autobahntestsuite 0.8.2, which needs
Python 2.7. Writes captures/autobahn/: what the suite's client said to two servers, what its server said to
two clients, and `cases.jsonl`: of every session its key, the case, and the suite's own verdict.
"""

import glob
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = os.path.join(HERE, "peers")
OUT = os.path.join(os.path.dirname(HERE), "autobahn")
WORK = os.environ["WSCOPE_RECORD"]
PYTHON = os.path.join(WORK, "venv", "bin", "python")
NODE = {**os.environ, "NODE_PATH": os.path.join(WORK, "node", "node_modules")}
SPACE = ["ip", "netns", "exec", "wscope-autobahn"]
# 9 is about speed; 1.1.6 and the like are 64 KiB in pieces, and the same as their neighbours.
CASES = {"cases": ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*"],
         "exclude-cases": ["1.1.6", "1.1.7", "1.1.8", "1.2.6", "1.2.7", "1.2.8"], "exclude-agent-cases": {}}
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def start(*command, **kwargs):
    return subprocess.Popen([*SPACE, *command], **{**QUIET, **kwargs})


def end(*processes):
    for process in processes:
        process.send_signal(signal.SIGINT)
        process.wait()


class Capture:
    """What passes on the loopback meanwhile, compressed into captures/autobahn."""

    def __init__(self, name, expression):
        self.raw = os.path.join(tempfile.mkdtemp(), name + ".pcapng")
        self.path = os.path.join(OUT, name + ".pcapng.gz")
        self.program = start("dumpcap", "-q", "-i", "lo", "-B", "64", "-f", expression, "-w", self.raw)
        time.sleep(2)

    def end(self):
        time.sleep(1)
        end(self.program)
        with open(self.raw, "rb") as raw, open(self.path, "wb") as out:
            with gzip.GzipFile("", "wb", 9, out, mtime=0) as packed:
                shutil.copyfileobj(raw, packed)


def spec(folder, **parts):
    path = os.path.join(folder, "spec.json")
    with open(path, "w") as out:
        json.dump({"outdir": os.path.join(folder, "reports"), **parts, **CASES}, out)
    return path


def cases(folder, side):
    """What the suite itself says of each session. Its own keys are the proof that it is the same one."""
    for path in glob.glob(folder + "/reports/*_case_*.json"):
        with open(path) as file:
            report = json.load(file)
        head = dict(line.split(": ", 1) for line in report["httpRequest"].split("\r\n") if ": " in line)
        key = next(value for name, value in head.items() if name.lower() == "sec-websocket-key")
        yield {"key": key, "tested": side, "agent": report["agent"], "case": report["id"],
               "behavior": report["behavior"], "close": report["behaviorClose"],
               "codes": report["expectedClose"].get("closeCode") or []}


def servers(wstest):
    listen = {"websockets": 9101, "ws": 9102}
    peers = [start(PYTHON, os.path.join(PEERS, "autobahn.py"), "serve", str(listen["websockets"])),
             start("node", os.path.join(PEERS, "autobahn.cjs"), "serve", str(listen["ws"]), env=NODE)]
    with tempfile.TemporaryDirectory() as folder:
        capture = Capture("servers", "tcp portrange 9101-9102")
        tested = [{"agent": agent, "url": f"ws://127.0.0.1:{port}"} for agent, port in listen.items()]
        start(wstest, "-m", "fuzzingclient", "-s", spec(folder, servers=tested)).wait()
        capture.end()
        end(*peers)
        return list(cases(folder, "server"))


def clients(wstest):
    with tempfile.TemporaryDirectory() as folder:
        url = "ws://127.0.0.1:9103"
        fuzzer = start(wstest, "-m", "fuzzingserver", "-u", "0", "-s", spec(folder, url=url))
        time.sleep(3)
        capture = Capture("clients", "tcp port 9103")
        start(PYTHON, os.path.join(PEERS, "autobahn.py"), "run", url, "websockets").wait()
        start("node", os.path.join(PEERS, "autobahn.cjs"), "run", url, "ws", env=NODE).wait()
        capture.end()
        end(fuzzer)
        return list(cases(folder, "client"))


def order(line):
    return line["tested"], line["agent"], [int(part) for part in line["case"].split(".")]


def main(wstest):
    os.makedirs(OUT, exist_ok=True)
    subprocess.run(["ip", "netns", "add", SPACE[-1]], check=True)
    try:
        subprocess.run([*SPACE, "ip", "link", "set", "lo", "up"], check=True)
        lines = sorted(servers(wstest) + clients(wstest), key=order)
    finally:
        subprocess.run(["ip", "netns", "del", SPACE[-1]], check=True)
    with open(os.path.join(OUT, "cases.jsonl"), "w") as out:
        for line in lines:
            out.write(json.dumps(line, separators=(",", ":")) + "\n")
    print(len(lines), "sessions")


main(os.path.abspath(sys.argv[1]))
