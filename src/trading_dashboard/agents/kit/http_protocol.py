"""How an agent reads HTTP: llhttp through httptools, with a bound on the head of a request.

Owns that bound: httptools itself keeps reading a head without end. Bodies are `guard.BodyLimit`'s.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024
"""Of the request line and all headers, trailers included, beyond the first piece received."""


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol over httptools; a longer head is answered with 400 and the end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_in_head = False
        self._has_begun = False
        self._head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Read what came; a head that has gone on for too long ends the connection."""
        was_in_head, self._has_begun = self._is_in_head, False
        super().data_received(data)
        if was_in_head and self._is_in_head and not self._has_begun:
            self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_message_begin(self) -> None:
        """Begin to count: the piece a head begins in is not its own alone."""
        super().on_message_begin()
        self._is_in_head = self._has_begun = True
        self._head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count trailers, too: they come when the head is over."""
        super().on_header(name, value)
        if not self._is_in_head:
            self._head_bytes += len(name) + len(value)

    def on_headers_complete(self) -> None:
        """Note that the head is over."""
        self._is_in_head = False
        self._head_bytes = 0
        super().on_headers_complete()
