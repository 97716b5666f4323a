"""The compiled kernel: which file it is, how it is loaded and called.

Owns the border to C: every length is passed with its array, and all memory that is written is
allocated here. Does not decide whether the kernel may be used.
"""

from __future__ import annotations

import ctypes
import hashlib
import platform
import sys
from collections.abc import Set as AbstractSet
from operator import attrgetter
from pathlib import Path

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import Bars, Floats
from trading_dashboard.agents.pattern_recognition.detections import ShapeDetection
from trading_dashboard.agents.pattern_recognition.shapes.kernel.reading import (
    FLOATS,
    HEAD,
    INTS,
    DetectionReader,
)
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings

FOLDER = Path(__file__).parent
NO_MEMORY, REFUSED, TOO_LARGE, NO_ROOM = -1, -2, -3, -4
"""What the kernel answers instead of a number of detections."""
_BARS_PER_DETECTION = 40
"""Memory is made for so many; if there are more, the kernel says so and is asked again."""
_AMPLY = 64
"""Numbers of each sort that a detection takes on average, or fewer."""


class KernelUnusable(Exception):
    """There is no kernel for this machine and source, or it can not be loaded."""


def library_path(folder: Path = FOLDER) -> Path:
    """Return where the kernel of this platform and this very source is, if it was built.

    Raises:
        KernelUnusable: There is no source.
    """
    digest = hashlib.sha256()
    sources = sorted((folder / "source").glob("*.[ch]"))
    if not sources:
        raise KernelUnusable(f"its source is missing in {folder / 'source'}")
    for source in sources:
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    machine = f"{sys.platform}-{platform.machine()}"
    return folder / f"kernel-{machine}-{digest.hexdigest()[:16]}.so"


class Kernel:
    """A loaded kernel. May be called by several threads at once: it keeps nothing.

    Raises:
        KernelUnusable: The file is missing, is none of this machine, or is about other settings.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise KernelUnusable(_why_missing(path))
        try:
            library = ctypes.CDLL(str(path))
            names = {
                name: _names(library, name) for name in ("settings", "patterns", "roles", "states")
            }
            self._detect = library.shapes_detect
        except (OSError, AttributeError) as error:
            raise KernelUnusable(f"{path.name} can not be loaded: {error}") from error
        if {"pivot_scales", *names["settings"]} != set(ShapeSettings.model_fields):
            raise KernelUnusable(f"{path.name} is about other settings")
        self._detect.restype = ctypes.c_int64
        place, number = ctypes.c_void_p, ctypes.c_int64
        self._detect.argtypes = [
            *(place, place, place, place, place, number),
            *(place, number, ctypes.c_uint64),
            *(place, number, place, number),
        ]
        self._values = attrgetter(*names["settings"])
        self._bits = {name: 1 << place for place, name in enumerate(names["patterns"])}
        self._reader = DetectionReader(names["patterns"], names["roles"], names["states"])

    def detect(
        self, bars: Bars, settings: ShapeSettings, wanted: AbstractSet[str]
    ) -> list[ShapeDetection] | None:
        """Return every chart pattern of a series; None where the kernel does not know its way.

        Raises:
            MemoryError: There was none for the search.
        """
        columns = [
            np.require(column, np.float64, ("C_CONTIGUOUS", "ALIGNED"))
            for column in (bars.open, bars.high, bars.low, bars.close, bars.volume)
        ]
        count = len(columns[0])
        if any(column.shape != (count,) for column in columns):
            raise ValueError("All columns must be of one length.")
        scales = settings.pivot_scales
        values = np.array((*self._values(settings), *scales), np.float64)
        bits = sum([self._bits[name] for name in wanted])
        room = 32 + count // _BARS_PER_DETECTION
        ints = np.empty(HEAD + _AMPLY * room, np.int64)
        floats = np.empty(_AMPLY * room)
        while True:
            # The columns are named above: what is pointed to here outlives the call.
            found = self._detect(
                *map(_address, columns), count, _address(values), len(scales), bits,
                _address(ints), len(ints), _address(floats), len(floats),
            )  # fmt: skip
            if found != NO_ROOM:
                break
            pivots, lines, made = ints[:HEAD].tolist()
            ints = np.empty(HEAD + INTS * made + 3 * (pivots + lines), np.int64)
            floats = np.empty(FLOATS * made + pivots + 2 * lines)
        if found == NO_MEMORY:
            raise MemoryError(f"No memory to search {count} bars for chart patterns.")
        return self._reader.read(ints, floats, found) if found >= 0 else None


def _address(values: Floats | np.ndarray[tuple[int], np.dtype[np.int64]]) -> int:
    address: int = values.__array_interface__["data"][0]
    return address


def _names(library: ctypes.CDLL, what: str) -> list[str]:
    ask = getattr(library, f"shapes_{what}")
    ask.restype = ctypes.c_char_p
    names: bytes = ask()
    return names.decode("ascii").split()


def _why_missing(path: Path) -> str:
    """Return what the build said, if it tried."""
    said = path.with_suffix(".log")
    if said.exists():
        return said.read_text(encoding="utf-8", errors="replace").strip()
    return f"there is no {path.name}: the package was built without a C compiler"
