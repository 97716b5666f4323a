"""Frames written by hand are frames."""

from __future__ import annotations

import pytest
from websockets.frames import Frame, Opcode

from trading_dashboard.agents.kit.sockets import EXTENSION, direct_writer, frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_frame_is_what_the_library_makes(size: int) -> None:
    payload = b"x" * size
    assert frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


def test_without_our_server_there_is_no_writer() -> None:
    assert direct_writer({}) is None
    assert direct_writer({"extensions": {EXTENSION: None}}) is None
