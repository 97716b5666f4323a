"""The control API's listening socket, open before the server that answers on it is imported."""

from __future__ import annotations

import socket
import sys

BACKLOG = 128


def bind_loopback(port: int) -> socket.socket:
    """Return a socket that listens on loopback; port 0 takes a free one.

    From here on clients can connect; they are answered as soon as the server runs.

    Raises:
        OSError: The port is taken.
    """
    # Named protocol: without it asyncio leaves Nagle on, and small answers wait 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # there it lets two servers have one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
