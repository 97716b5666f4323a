"""An agent under test: how it lives and what it answers is read from a file the harness writes.

    python -I -S puppet.py PORT FIELD NAME

Proves its own identity: each process of the tree shares one lock on `FIELD/NAME.lock`, so that a
generation that starts while any process of an older one lives notices it by itself and says so in
`FIELD/twins.log`. `FIELD/members.log` lists all processes. Standard library only, and quick.

`FIELD/NAME.mode` holds two words. How it lives, read at the start: `plain` (one child), `family`
(also one in a session of its own that ignores TERM), `stubborn` (ignores TERM), `crash` (exits at
once), `mute` (never listens), `leaver` (exits soon), `forker` (forks when asked to end), `chatty`.
What it answers, read at each request: see `ANSWERS`.
"""

import contextlib
import fcntl
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable

GOOD = b'{"status": "healthy"}'


def main(arguments: list[str]) -> None:
    port, field, name = int(arguments[0]), arguments[1], arguments[2]
    # A supervisor on a "full disk" hands its limit on; what is told here must not be lost.
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits[1], limits[1]))
    life, _ = read_mode(field, name)
    claim(field, name)
    enlist(field, name, "leader")
    if life == "crash":
        print("cannot work like this", flush=True)
        sys.exit(3)
    if life == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if life == "forker":
        signal.signal(signal.SIGTERM, lambda *_: fork_and_leave(field, name))
    fork_child(field, name)
    if life == "family":
        fork_stranger(field, name)
    if life == "mute":
        wait_for_ever()
    if life == "leaver":
        threading.Timer(0.4, os._exit, (0,)).start()
    if life == "chatty":
        threading.Thread(target=chat, daemon=True).start()
    serve(port, field, name)


def read_mode(field: str, name: str) -> tuple[str, str]:
    """Return how to live and what to answer."""
    try:
        with open(f"{field}/{name}.mode", encoding="ascii") as file:  # noqa: PTH123 - quick start
            life, answer = file.read().split()
            return life, answer
    except (OSError, ValueError):
        return "plain", "good"


def claim(field: str, name: str) -> None:
    """Take the agent's lock, or say who has it. Children share it until the last one is gone."""
    descriptor = os.open(f"{field}/{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    me = f"{name} {whoami()} pid {os.getpid()}"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 200, 0).decode()
        append(f"{field}/twins.log", f"{me} started while somebody of {holder} lives\n")
        return
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, me.encode(), 0)


def whoami() -> str:
    ask = os.environ.get
    generation, run = ask("TRADING_DASHBOARD_GENERATION", "0"), ask("TRADING_DASHBOARD_RUN_ID", "-")
    return f"{generation} {run}"


def enlist(field: str, name: str, role: str) -> None:
    """Write this process into the list of members."""
    with open("/proc/self/stat", "rb") as file:  # noqa: PTH123 - quick start
        ticks = int(file.read().rpartition(b")")[2].split()[19])
    append(f"{field}/members.log", f"{name} {whoami()} {os.getpid()} {ticks} {role}\n")


def append(path: str, line: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def fork_child(field: str, name: str) -> None:
    """Fork a child that does nothing."""
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        enlist(field, name, "child")
        wait_for_ever()


def fork_stranger(field: str, name: str) -> None:
    """Fork a process in a session of its own, whose parent is gone and which ignores TERM."""
    between = os.fork()
    if between:
        os.waitpid(between, 0)
        return
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork():
        os._exit(0)
    enlist(field, name, "stranger")
    wait_for_ever()


def fork_and_leave(field: str, name: str) -> None:
    fork_child(field, name)
    os._exit(0)


def wait_for_ever() -> None:
    while True:
        signal.pause()


def chat() -> None:
    number = 0
    while True:
        number += 1
        print(f'{{"level": "info", "message": "line {number}", "logger": "chat"}}', flush=True)
        time.sleep(0.01)


def serve(port: int, field: str, name: str) -> None:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        print(f"cannot listen: {error}", flush=True)
        os._exit(4)
    listener.listen(64)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection, field, name), daemon=True).start()


def answer(connection: socket.socket, field: str, name: str) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(5)
        connection.recv(4096)
        how = read_mode(field, name)[1]
        ANSWERS.get(how, good)(connection)


def respond(connection: socket.socket, status: str, body: bytes, more: str = "") -> None:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{more}\r\n"
    connection.sendall(head.encode() + body)


def good(connection: socket.socket) -> None:
    respond(connection, "200 OK", GOOD)


def slow(connection: socket.socket) -> None:
    time.sleep(0.3)
    good(connection)


def hang(_: socket.socket) -> None:
    time.sleep(4)


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    for _ in range(200):
        connection.sendall(b" " * 512)
        time.sleep(0.02)


def huge(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
    for _ in range(50):
        connection.sendall(b"x" * 1_000_000)


def drip(connection: socket.socket) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok":
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def close_at_once(connection: socket.socket) -> None:
    connection.close()


def says(status: str, body: bytes, more: str = "") -> Callable[[socket.socket], None]:
    return lambda connection: respond(connection, status, body, more)


ANSWERS: dict[str, Callable[[socket.socket], None]] = {
    "good": good,
    "slow": slow,
    "hang": hang,
    "endless": endless,
    "huge": huge,
    "drip": drip,
    "closes": close_at_once,
    "garbage": lambda connection: connection.sendall(b"\x00\xff\xfe no HTTP at all \r\n\r\n"),
    "away": says("503 Service Unavailable", b'{"status": "unhealthy"}'),
    "unhealthy": says("200 OK", b'{"status": "unhealthy", "message": "the provider is away"}'),
    "degraded": says("200 OK", b'{"status": "degraded"}'),
    "half_json": says("200 OK", b'{"status": "heal'),
    "wrong_types": says("200 OK", b'{"status": 7, "data": "yes", "checks": [[]]}'),
    "redirect": says("302 Found", b"", "Location: http://127.0.0.1:9/health\r\n"),
}

if __name__ == "__main__":
    main(sys.argv[1:])
