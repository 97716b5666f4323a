"""Serves /health, and writes each lease it is sent, with when it came, as a line of JSON.

python takes_leases.py PORT FILE
"""

import json
import pathlib
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

taken = pathlib.Path(sys.argv[2])


class Agent(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer(200 if self.path == "/health" else 404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        token = self.headers["Authorization"]
        line = {"at": time.monotonic(), "path": self.path, "token": token, **body}
        with taken.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Agent).serve_forever()
