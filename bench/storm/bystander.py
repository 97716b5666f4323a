"""Somebody else's program: it takes ports when told, and tells of every signal that reaches it.

    python -I -S bystander.py

Reads commands from its standard input: `steal PORT ANSWER SECONDS` (tries for that long to bind;
answers `stolen` or `missed`), `release` (answers `released`). ANSWER is `silent`, `healthy` or
`failing`. A signal is told as `signal NUMBER`. Ends with its input.
"""

import os
import selectors
import signal
import socket
import sys
import time

RESPONSES = {
    "healthy": b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"status": "healthy"}',
    "failing": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
}


class Bystander:
    """At most one port, and whoever connected to it."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._selector.register(0, selectors.EVENT_READ)
        self._listener: socket.socket | None = None
        self._answer = b""
        self._peers: list[socket.socket] = []

    def run(self) -> None:
        """Serve until the input ends."""
        pending = b""
        while True:
            for key, _ in self._selector.select():
                if key.fd != 0:
                    self._serve(key.fileobj)
                    continue
                data = os.read(0, 4096)
                if not data:
                    return
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    self._obey(line.decode().split())

    def _obey(self, words: list[str]) -> None:
        self._release()
        if words[0] == "release":
            tell("released")
            return
        self._answer = RESPONSES.get(words[2], b"")
        tell("stolen" if self._steal(int(words[1]), float(words[3])) else "missed")

    def _steal(self, port: int, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while True:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
                listener.listen(16)
            except OSError:
                listener.close()
            else:
                self._listener = listener
                self._selector.register(listener, selectors.EVENT_READ)
                return True
            if time.monotonic() > until:
                return False
            time.sleep(0.001)

    def _serve(self, source: object) -> None:
        assert isinstance(source, socket.socket)
        if source is self._listener:
            peer, _ = source.accept()
            self._peers.append(peer)
            self._selector.register(peer, selectors.EVENT_READ)
            return
        try:
            data = source.recv(4096)
            if data and self._answer:
                source.sendall(self._answer)
            is_over = not data or bool(self._answer)
        except OSError:
            is_over = True
        if is_over:
            self._close(source)

    def _close(self, peer: socket.socket) -> None:
        self._selector.unregister(peer)
        self._peers.remove(peer)
        peer.close()

    def _release(self) -> None:
        for peer in list(self._peers):
            self._close(peer)
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None


def tell(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def main() -> None:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        signal.signal(number, lambda caught, _: tell(f"signal {caught}"))
    tell("ready")
    Bystander().run()


if __name__ == "__main__":
    main()
    sys.exit(0)
