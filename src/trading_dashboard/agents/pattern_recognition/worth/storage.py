"""The ledger on disk: one file, whole or not there.

Owns the file's form. It begins with a line of JSON that says the format, the length and the digest
of what follows, an npz archive of all columns. It is written beside the old one and takes its
place, so that a crash leaves the old one. What is read is exactly what was written, or an error:
the ledger can be rebuilt from bars.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.pattern_recognition.worth.calibration import Calibration
from trading_dashboard.agents.pattern_recognition.worth.cell import Cell
from trading_dashboard.agents.pattern_recognition.worth.growing import Growing
from trading_dashboard.agents.pattern_recognition.worth.ledger import Ledger
from trading_dashboard.agents.pattern_recognition.worth.series import Series, Waiting
from trading_dashboard.agents.pattern_recognition.worth.settings import WorthSettings
from trading_dashboard.agents.pattern_recognition.worth.timeframe import TimeframeLedger
from trading_dashboard.models.errors import LedgerDamaged

FORMAT = 1
_TABLES = ("rows", "blocks", "squares", "moves")
_WAITING = ("time", "pattern", "direction", "rate", "raw", "told")
Columns = dict[str, NDArray[Any]]


def save_ledger(ledger: Ledger, path: Path) -> None:
    """Write a ledger. Blocks. Raises `OSError` if it cannot; the old file then stays."""
    content = io.BytesIO()
    columns = {
        f"{timeframe}/{name}": column
        for timeframe, one in ledger.timeframes.items()
        for name, column in _columns(one).items()
    }
    np.savez(content, allow_pickle=False, **columns)
    body = content.getbuffer()
    head = {
        "format": FORMAT,
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "patterns": ledger.patterns,
        "settings": ledger.settings.model_dump(mode="json"),
        "timeframes": list(ledger.timeframes),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    with beside.open("wb") as file:
        file.write(json.dumps(head).encode() + b"\n")
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    _sync_folder(path.parent)


def load_ledger(path: Path, patterns: tuple[str, ...], settings: WorthSettings) -> Ledger | None:
    """Return the ledger that was written; None if there is none.

    Raises:
        LedgerDamaged: It is not what was written, or was written by another format, with other
            patterns or with other settings.
    """
    try:
        with path.open("rb") as file:
            head = _head(path, file.readline())
            body = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from error
    if head.get("format") != FORMAT:
        raise _damaged(path, f"format {head.get('format')}, this version reads {FORMAT}")
    if len(body) != head["bytes"] or hashlib.sha256(body).hexdigest() != head["sha256"]:
        raise _damaged(path, "another content than was written")
    if head["patterns"] != list(patterns) or head["settings"] != settings.model_dump(mode="json"):
        raise _damaged(path, "it was made with other patterns or settings")
    ledger = Ledger(patterns, settings)
    with np.load(io.BytesIO(body), allow_pickle=False) as archive:
        for timeframe in head["timeframes"]:
            mark = f"{timeframe}/"
            columns = {
                name.removeprefix(mark): archive[name]
                for name in archive.files
                if name.startswith(mark)
            }
            _restore(ledger.timeframe(timeframe), columns, settings)
    return ledger


def _columns(one: TimeframeLedger) -> Columns:
    """Return everything a timeframe holds as few long columns."""
    columns: Columns = {"cells": np.array(list(one.cells), np.int64).reshape(-1, 3)}
    for name in _TABLES:
        tables = [getattr(cell, name) for cell in one.cells.values()]
        columns |= _joined(f"cell_{name}", [table.data for table in tables])
    columns["pooled"] = one.pooled.rows.data
    names = "\n".join(one.series).encode()
    columns["symbols"] = np.frombuffer(names, np.uint8)
    every = list(one.series.values())
    columns |= _joined("time", [series.base.time.data for series in every])
    columns |= _joined("kinds", [series.base.kinds.data for series in every])
    for name in _WAITING:
        parts = [np.atleast_2d(getattr(series.waiting, name)) for series in every]
        columns |= _joined(f"waiting_{name}", parts)
    for number, calibration in enumerate(one.calibrations):
        for name in ("raw", "told"):
            stretches: dict[int, NDArray[np.int64]] = getattr(calibration, name)
            columns[f"{name}{number}_at"] = np.array(list(stretches), np.int64)
            if stretches:
                columns[f"{name}{number}"] = np.array(list(stretches.values()))
    return columns


def _restore(one: TimeframeLedger, columns: Mapping[str, Any], settings: WorthSettings) -> None:
    keys = [(a, b, c) for a, b, c in columns["cells"].tolist()]
    cells = [Cell() for _ in keys]
    one.cells.update(zip(keys, cells, strict=True))
    for name in _TABLES:
        for cell, part in zip(cells, _split(f"cell_{name}", columns), strict=True):
            _fill(getattr(cell, name), part)
    _fill(one.pooled.rows, columns["pooled"])
    names = columns["symbols"].tobytes().decode()
    every = [Series(settings.horizons, settings.minimum_base) for _ in names.splitlines()]
    one.series.update(zip(names.splitlines(), every, strict=True))
    times, kinds = _split("time", columns), _split("kinds", columns)
    for series, time, kind in zip(every, times, kinds, strict=True):
        series.base.extend(time[0], kind)
    parts = zip(*(_split(f"waiting_{name}", columns) for name in _WAITING), strict=True)
    for series, (time, pattern, direction, *rest) in zip(every, parts, strict=True):
        series.waiting = Waiting(time[0], pattern[0], direction[0], *(part.copy() for part in rest))
    for number, calibration in enumerate(one.calibrations):
        _restore_calibration(calibration, number, columns)


def _restore_calibration(calibration: Calibration, number: int, columns: Mapping[str, Any]) -> None:
    for name in ("raw", "told"):
        stretches = columns[f"{name}{number}_at"].tolist()
        if stretches:
            tables = columns[f"{name}{number}"]
            getattr(calibration, name).update(zip(stretches, tables, strict=True))


def _joined(name: str, parts: list[NDArray[Any]]) -> Columns:
    """Return several tables as one, and where each ends."""
    if not parts:
        return {name: np.empty((1, 0)), f"{name}_ends": np.empty(0, np.int64)}
    ends = np.cumsum([part.shape[1] for part in parts])
    return {name: np.concatenate(parts, axis=1), f"{name}_ends": ends}


def _split(name: str, columns: Mapping[str, Any]) -> list[NDArray[Any]]:
    ends = columns[f"{name}_ends"]
    return np.split(columns[name], ends[:-1], axis=1) if len(ends) else []


def _fill(table: Growing, data: NDArray[Any]) -> None:
    table.cut(0)
    table.extend(data)


def _head(path: Path, line: bytes) -> dict[str, Any]:
    try:
        head = json.loads(line)
    except ValueError as error:
        raise _damaged(path, "its head cannot be read") from error
    if not isinstance(head, dict):
        raise _damaged(path, "its head is no object")
    return head


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some systems cannot
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _damaged(path: Path, observed: str) -> LedgerDamaged:
    return LedgerDamaged(
        f"What was kept of patterns' outcomes in {path} cannot be used: {observed}.",
        subject=str(path),
        observed=observed,
        next_step="It is rebuilt from bars; nothing needs to be done.",
    )
