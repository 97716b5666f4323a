"""The routes about logs: the newest lines that match, and the file itself.

Owns searching and streaming. Both happen in threads: neither a hundred thousand lines nor a slow
disk may hold up the supervisor's loop.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from trading_dashboard.control_api.face import LOOKS, Face, Name, errors
from trading_dashboard.control_api.supervision import SupervisedAgents
from trading_dashboard.models.control import MAX_LOG_LINES, MAX_SEARCHED_LINES, LogsAnswer
from trading_dashboard.models.errors import NoLogFile
from trading_dashboard.models.events import LogLine
from trading_dashboard.models.log_search import (
    MAX_PATTERN_CHARACTERS,
    PATTERN,
    LogLevel,
    LogSearch,
)

CHUNK_BYTES = 256 * 1024

Pattern = Annotated[
    str | None, Query(min_length=1, max_length=MAX_PATTERN_CHARACTERS, pattern=PATTERN)
]
# Whatever stands there: no link is followed, nothing is waited for. Windows has none of these.
_FLAGS = os.O_RDONLY
for _name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"):
    _FLAGS |= getattr(os, _name, 0)
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file as it is now.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}


async def newest_lines(
    agents: SupervisedAgents, name: str, lines: int, search: LogSearch
) -> Sequence[LogLine]:
    """Return an agent's newest lines that the search finds, oldest first.

    Raises:
        UnknownAgent
    """
    if search.is_everything:
        return agents.logs(name, lines)
    return await asyncio.to_thread(_search, agents, name, lines, search)


def log_routes(face: Face) -> APIRouter:
    """Return the routes over one supervisor."""
    missing = errors(HTTPStatus.NOT_FOUND)
    router = APIRouter(prefix="/v1", responses=missing, tags=["agents"], dependencies=[LOOKS])

    @router.get("/agents/{name}/logs")
    async def logs(
        name: Name,
        lines: Annotated[int, Query(ge=1, le=MAX_LOG_LINES)] = 200,
        grep: Pattern = None,
        level: LogLevel | None = None,
    ) -> LogsAnswer:
        """Return an agent's newest log lines that match, oldest first.

        `grep` is plain text, upper and lower case alike; `level` is the least grave one wanted.
        """
        info = await face.agent(name)
        search = LogSearch(grep=grep, level=level)
        found = list(await newest_lines(face.agents, name, lines, search))
        return LogsAnswer(agent=name, path=info.log_path, lines=found)

    @router.get("/agents/{name}/logs/file", response_class=StreamingResponse, responses=_FILE)
    async def log_file(name: Name) -> StreamingResponse:
        """Return the agent's current log file, up to its present end."""
        info = await face.agent(name)
        file, size = await asyncio.to_thread(_open, name, info.log_path)
        headers = {
            "content-disposition": f'attachment; filename="{name}.log"',
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
        }
        return StreamingResponse(_stream(file, size), media_type="text/plain", headers=headers)

    return router


def _search(
    agents: SupervisedAgents, name: str, lines: int, search: LogSearch
) -> Sequence[LogLine]:
    newest_first = reversed(agents.logs(name, MAX_SEARCHED_LINES))
    found = list(islice(filter(search.finds, newest_first), lines))
    return found[::-1]


def _open(name: str, path: str | None) -> tuple[BinaryIO, int]:
    """Return the open file and its size.

    Raises:
        NoLogFile
    """
    where = path or f"{name}.log"
    try:
        descriptor = os.open(where, _FLAGS)
    except OSError as error:
        raise _no_file(name, where, error.strerror or str(error)) from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise _no_file(name, where, "It is no ordinary file")
    return os.fdopen(descriptor, "rb", buffering=0), found.st_size


async def _stream(file: BinaryIO, size: int) -> AsyncIterator[bytes]:
    """Yield the file up to `size`; what is written meanwhile is left out, so it has an end."""
    try:
        left = size
        while left > 0:
            chunk = await asyncio.to_thread(file.read, min(CHUNK_BYTES, left))
            if not chunk:
                break  # somebody emptied it
            left -= len(chunk)
            yield chunk
    finally:
        file.close()


def _no_file(name: str, where: str, reason: str) -> NoLogFile:
    return NoLogFile(
        f"Agent '{name}' has no log file that can be read at {Path(where)}: {reason}.",
        subject=name,
        observed=reason,
        next_step="It is there once the agent has written a line.",
    )
