"""The agent of `agent.c`, for machines without a C compiler: same words, same behaviour."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time

FLOOD_BYTES = 1024 * 1024 * 1024
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    b'Content-Length: 15\r\nConnection: close\r\n\r\n{"status":"ok"}'
)


def report(what: str) -> None:
    """Tell the bench."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(f"{port} {os.getpid()} {what}".encode(), ("127.0.0.1", report_port))


def flood() -> None:
    """Write as fast as it can."""
    block = (b"x" * 99 + b"\n") * 656
    time.sleep(1)
    report("flooding")
    done = 0
    while done < FLOOD_BYTES:
        done += os.write(1, block)
    report("flooded")


def be_child() -> None:
    """Do what the agent's child does; it holds no port."""
    if mode == "stubborn":
        os.setsid()
        report("child")
    else:
        flood()
    while True:
        signal.pause()


def serve(listener: socket.socket) -> None:
    """Answer every request."""
    while True:
        client, _ = listener.accept()
        with client:
            if client.recv(4096):
                client.sendall(ANSWER)


port, report_port, mode = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
report("start")
with socket.create_server(("127.0.0.1", port), backlog=128) as server:
    report("serving")
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if mode != "plain" and os.fork() == 0:
        server.close()
        be_child()
    serve(server)
