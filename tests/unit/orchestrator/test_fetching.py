"""Answers in every form HTTP has, whole and cut, in one piece and byte by byte."""

from __future__ import annotations

import asyncio
import contextlib

import httpcore
import pytest

from tests.unit.orchestrator.raw_server import Serve, server
from trading_dashboard.orchestrator.fetching import MAX_HEAD_BYTES, fetch

MAX_BODY = 1000
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def says(*pieces: bytes, is_repeated: bool = False) -> Serve:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                if not is_repeated:
                    return

    return serve


WHOLE = {
    "counted": (OK + b"Content-Length: 4\r\n\r\nfine", 200, b"fine"),
    "empty": (OK + b"Content-Length: 0\r\n\r\n", 200, b""),
    "without a body by its status": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "in chunks": (CHUNKED + b"2\r\nfi\r\n2;x=y\r\nne\r\n0\r\nTrailer: 1\r\n\r\n", 200, b"fine"),
    "until the connection closes": (b"HTTP/1.0 200 OK\r\n\r\nfine", 200, b"fine"),
    "after a notice to go on": (
        b"HTTP/1.1 100 Continue\r\nContent-Length: 9\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"
        + (OK + b"Content-Length: 4\r\n\r\nfine"),
        200,
        b"fine",
    ),
    "with something after it": (
        b"HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nfineHTTP/1.1 200 OK\r\nx\r\n\r\n",
        503,
        b"fine",
    ),
    "longer than read": (OK + b"Content-Length: 9999\r\n\r\n" + b"x" * 5000, 200, b"x" * 1000),
}  # fmt: skip


@pytest.mark.parametrize("is_dripped", [False, True])
@pytest.mark.parametrize("form", WHOLE)
async def test_a_whole_answer_is_read(form: str, is_dripped: bool) -> None:
    raw, status, body = WHOLE[form]
    pieces = [raw[at : at + 1] for at in range(len(raw))] if is_dripped else [raw]
    async with server(says(*pieces)) as url:
        assert await fetch(url, MAX_BODY) == (status, body)


CUT = {
    "nothing": b"",
    "a part of the head": OK + b"Content-Le",
    "a part of the counted body": OK + b"Content-Length: 9\r\n\r\nfine",
    "a part of the chunks": CHUNKED + b"2\r\nfi\r\n",
    "only a notice to go on": b"HTTP/1.1 100 Continue\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 On\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "a length that is none": OK + b"Content-Length: many\r\n\r\nfine",
    "two lengths": OK + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nfine",
    "a chunk that is longer than it says": CHUNKED + b"1\r\nfine\r\n0\r\n\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
}


@pytest.mark.parametrize("is_dripped", [False, True])
@pytest.mark.parametrize("form", CUT)
async def test_a_part_is_no_answer(form: str, is_dripped: bool) -> None:
    raw = CUT[form]
    pieces = [raw[at : at + 1] for at in range(len(raw))] if is_dripped else [raw]
    async with server(says(*pieces)) as url:
        with pytest.raises((httpcore.RemoteProtocolError, httpcore.ReadError)):
            await fetch(url, MAX_BODY)


ENDLESS = {
    "head": (OK, b"X: " + b"y" * 1000 + b"\r\n"),
    "header line": (OK + b"X: ", b"y" * 1000),
    "notices": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "frames around single bytes": (CHUNKED, b"000000000000001;" + b"z" * 900 + b"\r\nx\r\n"),
    "trailer": (CHUNKED + b"0\r\nX: ", b"y" * 1000),
}


@pytest.mark.parametrize("form", ENDLESS)
async def test_an_answer_that_never_comes_to_its_point_is_left(form: str) -> None:
    begin, rest = ENDLESS[form]
    block = rest * (MAX_HEAD_BYTES // len(rest) // 8)
    async with server(says(begin + block, *[block] * 100)) as url:
        with pytest.raises(httpcore.RemoteProtocolError):
            await fetch(url, MAX_BODY)
