"""Serves /health with 200 on the port given, and exits with the code given when it was asked."""

import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        threading.Timer(0.3, os._exit, [int(sys.argv[2])]).start()

    def log_message(self, *_: object) -> None:
        return


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Health).serve_forever()
