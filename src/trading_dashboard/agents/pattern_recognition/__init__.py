"""The pattern recognition agent: what has just formed, when that was first known, and its worth."""

import sys


def _import_talib_alone() -> None:
    """Import TA-Lib without pandas and polars.

    It imports them where they are installed, to wrap each of its functions for their columns: 90 MB
    of memory, a second of the start, and a slower call, for something nothing here uses.
    """
    absent = [name for name in ("pandas", "polars") if name not in sys.modules]
    for name in absent:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        import talib  # noqa: F401
    finally:
        for name in absent:
            del sys.modules[name]


if "talib" not in sys.modules:
    _import_talib_alone()
