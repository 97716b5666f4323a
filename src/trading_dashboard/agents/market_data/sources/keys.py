"""The keys of providers: where they are kept, and that nobody else can read them.

Owns finding a key and refusing a careless place. A key comes from the variable
``TRADING_DASHBOARD_KEY_<SOURCE>``, or from a file of lines ``source = key`` that only its owner may
read. No message of this module holds a key or a line of the file.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

from trading_dashboard.agents.market_data.sources.contract import SourceMisconfigured

VARIABLE_PREFIX = "TRADING_DASHBOARD_KEY_"
KEYS_FILE = "keys"
"""Name of the file in the agent's data folder."""
MAX_FILE_BYTES = 64 * 1024
MIN_KEY_LENGTH = 4
MAX_KEY_LENGTH = 512

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_PRINTABLE = re.compile(r"[!-~]+")


class SourceKeys:
    """Finds keys. The environment comes first, then the file, which may be absent.

    Args:
        environment: Variables, such as `os.environ`.
        file: Looked at each time, so that a key put there counts without a restart.
    """

    def __init__(self, environment: Mapping[str, str], file: Path) -> None:
        self._environment = environment
        self.file = file

    def find(self, source: str) -> str | None:
        """Return the key of a source such as ``alpha_vantage`` or ``ccxt:binance``, None without.

        Raises:
            SourceMisconfigured: The file may be read by others, or the key cannot be one.
        """
        variable = variable_name(source)
        if given := self._environment.get(variable, "").strip():
            return _checked(given, f"The variable {variable}")
        key = self._in_file().get(source, "")
        return _checked(key, f"The line of {source!r} in {self.file}") if key else None

    def _in_file(self) -> Mapping[str, str]:
        text = _read_private(self.file)
        found: dict[str, str] = {}
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            name, equals, key = line.partition("=")
            if not equals or not name.strip() or name.strip() in found:
                problem = "names a source again" if equals else "is not of the form source = key"
                raise SourceMisconfigured(f"Line {number} of {self.file} {problem}: mend the line.")
            found[name.strip()] = key.strip().strip("\"'")
        return found


def variable_name(source: str) -> str:
    """Return the environment variable that holds a source's key."""
    return VARIABLE_PREFIX + re.sub(r"[^A-Z0-9]", "_", source.upper())


def where_to_put(source: str) -> str:
    """Return the sentence that says how to give a key."""
    return (
        f"Set {variable_name(source)} in the environment of the desk, or add the line "
        f"'{source} = YOUR_KEY' to the file {KEYS_FILE!r} in the agent's data folder, with mode "
        "0600."
    )


def _read_private(path: Path) -> str:
    """Return a file's text, nothing if there is none. Raises `SourceMisconfigured`."""
    try:
        # A pipe in its place must not be waited for.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise _unreadable(path, error.strerror or "it cannot be opened") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _unreadable(path, "it is no regular file")
        _check_private(path, status)
        content = os.read(descriptor, MAX_FILE_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > MAX_FILE_BYTES:
        raise _unreadable(path, f"it is longer than {MAX_FILE_BYTES} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        problem = "it is not UTF-8 text"
    # Outside of the handler: that error holds the file's content.
    raise _unreadable(path, problem)


def _check_private(path: Path, status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if sys.platform != "win32" and mode & _OTHERS:
        raise SourceMisconfigured(
            f"The keys in {path} are not used: its mode is {mode:04o}, others may read or change "
            f"it. Run: chmod 600 {path} — and replace keys that others may have seen."
        )
    if sys.platform != "win32" and status.st_uid not in {os.geteuid(), 0}:
        raise SourceMisconfigured(
            f"The keys in {path} are not used: the file belongs to user {status.st_uid}, the agent "
            f"runs as {os.geteuid()}. Make it the agent's own."
        )


def _unreadable(path: Path, observed: str) -> SourceMisconfigured:
    return SourceMisconfigured(f"The keys in {path} cannot be read: {observed}.")


def _checked(key: str, place: str) -> str:
    """Return a key that fits into a header and an address, whatever it is."""
    if not MIN_KEY_LENGTH <= len(key) <= MAX_KEY_LENGTH or not _PRINTABLE.fullmatch(key):
        raise SourceMisconfigured(
            f"{place} holds no key: {MIN_KEY_LENGTH} to {MAX_KEY_LENGTH} letters, digits and signs "
            "without spaces are needed."
        )
    return key
