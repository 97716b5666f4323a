"""Serves /health on the port given; once healthy, takes MIB, and forks COUNT who share it."""

import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, MIB, COUNT = (int(word) for word in sys.argv[1:4])
taken: list[bytearray] = []
asked = threading.Event()


class Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        asked.set()

    def log_message(self, *_: object) -> None:
        return


server = ThreadingHTTPServer(("127.0.0.1", PORT), Health)
if COUNT:  # before there are threads, as servers that fork do
    taken.append(bytearray(b"x") * (MIB * 2**20))
    for _ in range(COUNT):
        if not os.fork():
            server.socket.close()
            signal.pause()
threading.Thread(target=server.serve_forever, daemon=True).start()
asked.wait()
if not COUNT:
    taken.append(bytearray(b"x") * (MIB * 2**20))
print("taken", flush=True)
while True:
    time.sleep(60)
