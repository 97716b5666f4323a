"""Which sources there are: the built-in ones, and users' own found by their entry points.

Owns the names. Nothing of a source is imported before it is made: a library that one source needs
costs nobody else memory, and its absence is told with the line that installs it.
"""

from __future__ import annotations

import importlib
import logging
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from trading_dashboard.agents.market_data.sources.contract import (
    ENTRY_POINTS,
    Capabilities,
    Source,
    SourceFactory,
    SourceMisconfigured,
    SourceMissing,
    SourceSettings,
)

DISTRIBUTION = "trading-dashboard"
NAME = re.compile(r"[a-z][a-z0-9_]{0,31}(:[A-Za-z0-9_.-]{1,64})?")
"""A source's name, and which instance of it where there are several: ``ccxt:binance``."""

_HERE = "trading_dashboard.agents.market_data.sources"
_VERBS = ("open", "close", "find", "instrument", "history", "quotes", "live")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A source of ours, imported when it is made.

    Attributes:
        place: ``module:function`` of its factory.
        extra: What to install for it, empty if nothing.
    """

    place: str
    extra: str = ""

    def __call__(self, settings: SourceSettings) -> Source:
        """Return the source, not yet open. Raises `SourceMissing`."""
        module, _, function = self.place.partition(":")
        try:
            factory: SourceFactory = getattr(importlib.import_module(module), function)
        except ImportError as error:
            if not self.extra:
                raise
            missing = error.name or "a library"
        else:
            return factory(settings)
        raise SourceMissing(
            f"Source {settings.name!r} needs {missing}, which is not installed. "
            f"Run: {install_line(self.extra)}"
        )


BUILT_IN: Mapping[str, BuiltIn] = {
    "alpha_vantage": BuiltIn(f"{_HERE}.alpha_vantage.source:make"),
    "ccxt": BuiltIn(f"{_HERE}.ccxt_exchange.source:make", extra="ccxt"),
    "file": BuiltIn(f"{_HERE}.files.source:make"),
    "twelve_data": BuiltIn(f"{_HERE}.twelve_data.source:make"),
    "yahoo": BuiltIn(f"{_HERE}.yahoo.source:make", extra="yahoo"),
}


@dataclass(frozen=True, slots=True)
class OwnSource:
    """A user's source, imported when it is made."""

    entry: EntryPoint

    def __call__(self, settings: SourceSettings) -> Source:
        """Return the source, not yet open. Raises `SourceMissing`, `SourceMisconfigured`."""
        factory = self._load(settings.name)
        made: object = factory(settings)
        if not isinstance(getattr(made, "capabilities", None), Capabilities):
            raise self._broken(settings.name, "what it makes has no capabilities")
        missing = [verb for verb in _VERBS if not callable(getattr(made, verb, None))]
        if missing:
            raise self._broken(settings.name, f"what it makes has no {', '.join(missing)}")
        if getattr(made, "name", None) != settings.name:
            raise self._broken(settings.name, f"it calls itself {getattr(made, 'name', None)!r}")
        return made  # type: ignore[return-value] # checked above, as far as can be

    def _load(self, name: str) -> Callable[[SourceSettings], object]:
        try:
            loaded: object = self.entry.load()
        except (ImportError, AttributeError) as error:
            problem = f"{type(error).__name__}: {error}"
        else:
            if callable(loaded):
                return loaded
            problem = "it names nothing that can be called"
        raise self._broken(name, problem)

    def _broken(self, name: str, problem: str) -> SourceMisconfigured:
        owner = self.entry.dist.name if self.entry.dist else "an unknown package"
        return SourceMisconfigured(
            f"Source {name!r} of {owner} ({self.entry.value}) cannot be used: {problem}. "
            "Mend or uninstall that package."
        )


def factories() -> Mapping[str, SourceFactory]:
    """Return what makes each source, by name; nothing is imported. A built-in name stays ours."""
    found: dict[str, SourceFactory] = {}
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        if not NAME.fullmatch(entry.name) or ":" in entry.name:
            logger.warning("Source %r of %s is passed over: not a name.", entry.name, entry.value)
        elif entry.name in BUILT_IN or entry.name in found or entry.name == "demo":
            logger.warning("Source %r of %s is passed over: taken.", entry.name, entry.value)
        else:
            found[entry.name] = OwnSource(entry)
    return {**found, **BUILT_IN}


def load_source(name: str, settings: SourceSettings | None = None) -> Source:
    """Return the source of a name such as ``yahoo`` or ``ccxt:binance``, not yet open.

    Raises:
        SourceMissing: A library it needs is not installed.
        SourceMisconfigured: There is none of that name, or its settings are wrong.
    """
    kind = name.partition(":")[0]
    factory = factories().get(kind) if NAME.fullmatch(name) else None
    if factory is None:
        raise SourceMisconfigured(
            f"No source is called {name[:80]!r}. There are {', '.join(sorted(factories()))}."
        )
    return factory(replace(settings or SourceSettings(name=name), name=name))


def install_line(extra: str) -> str:
    """Return the command that installs an extra into the environment that runs now."""
    wanted = shlex.quote(f"{DISTRIBUTION}[{extra}]")
    python = shlex.quote(sys.executable)
    if find_spec("pip"):
        return f"{python} -m pip install {wanted}"
    # An environment set up by run_dashboard.py has no pip, but the uv that made it.
    own = Path(sys.prefix, "uv", "bin", "uv.exe" if sys.platform == "win32" else "uv")
    uv = own if own.exists() and not shutil.which("uv") else Path("uv")
    return f"{shlex.quote(str(uv))} pip install --python {python} {wanted}"
