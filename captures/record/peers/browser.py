"""Chromium as a WebSocket client: serve the page, run the browser until its log is back."""

import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from common import address

spec_file, here = sys.argv[1], os.path.dirname(os.path.abspath(__file__))
page_at = os.environ.get("PAGE", "127.0.0.1:8000")
done = threading.Event()


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = {"/": os.path.join(here, "page.html"), "/spec.json": spec_file}.get(self.path)
        body = open(path, "rb").read() if path else b""
        if self.path == "/clock":
            body = b"%.4f" % (time.time() * 1000)
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8" if self.path == "/" else "application/json")
        # cross-origin isolation gives the page its finest clock
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(os.environ["WSLOG"], "ab") as f:
            f.write(body)
        self.send_response(204)
        self.end_headers()
        done.set()

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # the browser drops its idle connections when it ends


server = Server(address(page_at), Page)
threading.Thread(target=server.serve_forever, daemon=True).start()
profile = tempfile.mkdtemp(prefix="profile-", dir=os.path.dirname(spec_file))
browser = subprocess.Popen(
    ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
     "--disable-background-networking", "--disable-component-update", "--disable-sync",
     "--disable-extensions", "--no-proxy-server", "--disable-dev-shm-usage",
     "--disable-features=LocalNetworkAccessChecks,OptimizationHints,MediaRouter",
     "--ignore-certificate-errors",
     f"--user-data-dir={profile}", f"http://{page_at}/"],
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
ok = done.wait(90)
os.killpg(browser.pid, 15)
try:
    browser.wait(5)
except subprocess.TimeoutExpired:
    os.killpg(browser.pid, 9)
    browser.wait()
shutil.rmtree(profile, ignore_errors=True)
sys.exit(0 if ok else "the browser did not send its log back")
