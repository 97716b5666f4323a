"""The agent of `agent.c`, for machines without a C compiler: same words, same behaviour."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time

FLOOD_SECONDS = 10
PLAIN = (
    b"INFO a line as a chatty service writes them, about one hundred bytes "
    b"in all, over and over and over\n"
)
TELLING = (
    b"INFO GET /prices?symbol=AAPL&token=abcdefgh12345678 key=zzz for the "
    b"secretary, a cookie: 1; 12 ms..\n"
)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    b'Content-Length: 15\r\nConnection: close\r\n\r\n{"status":"ok"}'
)


def report(what: str) -> None:
    """Tell the bench."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(f"{port} {os.getpid()} {what}".encode(), ("127.0.0.1", report_port))


def flood(out: int) -> None:
    """Write as fast as it can."""
    block = (TELLING if mode == "telling" else PLAIN) * 655
    time.sleep(1)
    report("flooding")
    until = time.monotonic() + FLOOD_SECONDS
    done = 0
    while time.monotonic() < until:
        done += os.write(out, block)
    report(f"flooded {done}")


def forget() -> int:
    """Return a pipe that a child of its own reads and forgets."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(writing)
        while os.read(reading, 65536):
            pass
        os._exit(0)
    os.close(reading)
    return writing


def be_child() -> None:
    """Do what the agent's child does; it holds no port."""
    if mode == "stubborn":
        os.setsid()
        report("child")
    else:
        flood(forget() if mode == "aside" else 1)
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
