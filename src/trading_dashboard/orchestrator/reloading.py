"""Hot reload: the configuration is watched, checked as a whole, and only then applied.

Owns what is in force, the watching of files, and the record of each change. A configuration with a
mistake changes nothing. What a difference is and what it takes is `config.difference`; stopping and
starting agents is `reconfiguring`'s.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from trading_dashboard.config import LoadedSettings, Settings, load_again
from trading_dashboard.config.difference import compare
from trading_dashboard.models.configuration import (
    ChangeEffect,
    ConfigurationAnswer,
    ConfigurationChange,
    ConfigurationMistake,
    ConfigurationValue,
    ReloadAnswer,
)
from trading_dashboard.models.errors import ConfigurationError, Mistake
from trading_dashboard.models.events import EventKind
from trading_dashboard.models.requester import asked_by
from trading_dashboard.orchestrator.agent_manager import AgentManager
from trading_dashboard.orchestrator.requests import StartsAskedFor

POLL_SECONDS = 1.0
MAX_RECORDED = 100
"""Changes and mistakes in one event; more are counted."""
WATCHER = "file"
"""Origin of a reload that nobody asked for."""

_log = logging.getLogger("trading_dashboard.supervisor")

Signature = tuple[tuple[int, int, int] | None, ...]


class ConfigurationReloader:
    """Keeps one manager on the configuration that its files describe."""

    def __init__(
        self,
        manager: AgentManager,
        loaded: LoadedSettings,
        *,
        check: Callable[[LoadedSettings], None] = lambda _: None,
        apply_to_desk: Callable[[Settings], Awaitable[dict[str, bool]]] | None = None,
        starts_added: bool = True,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """Begin with what is in force.

        Args:
            manager: Whose agents follow the configuration.
            loaded: What they were started with.
            check: Raises ConfigurationError for what forbids a start.
            apply_to_desk: Applies what is not about agents, and says what that did.
            starts_added: Start new agents that start by themselves.
            poll_seconds: Time between two looks at the files.
        """
        self._manager = manager
        self._started = self._loaded = loaded
        self._loaded_at = datetime.now(UTC)
        self._check = check
        self._apply_to_desk = apply_to_desk
        self._starts_added = starts_added
        self._poll_seconds = poll_seconds
        self._mistakes: Sequence[Mistake] = ()
        self._recorded: Sequence[Mistake] = ()
        self._one_at_a_time = asyncio.Lock()

    async def watch(self) -> None:
        """Reload whenever the files have changed, unless told not to, until cancelled.

        A change counts once two looks in a row saw the same: editors write in pieces.
        """
        applied: Signature | None = None  # the files may have changed since they were read
        seen = await self._look()
        while True:
            await asyncio.sleep(self._poll_seconds)
            now = await self._look()
            is_settled, seen = now == seen, now
            if is_settled and now != applied and self._loaded.settings.reload.watch:
                applied = now
                try:
                    await self._apply(origin=WATCHER)
                except ConfigurationError:
                    continue  # recorded and shown; the next change is the next try

    async def reload(self, *, dry_run: bool = False, origin: str = "library") -> ReloadAnswer:
        """Read the files again, and apply what differs unless it is a dry run.

        Raises:
            ConfigurationError: With every mistake; nothing was changed.
        """
        answer, starts = await self._apply(origin=origin, dry_run=dry_run)
        if starts is None:
            return answer
        return answer.model_copy(update={"results": answer.results | await starts.ended()})

    async def _apply(
        self, *, origin: str, dry_run: bool = False
    ) -> tuple[ReloadAnswer, StartsAskedFor | None]:
        """Bring the desk to what the files say now; nobody waits for the starts that follow.

        An agent that does not come up may be what the next reload is to mend.
        """
        async with self._one_at_a_time:
            fresh = await self._read(origin, is_recorded=not dry_run)
            changes = compare(self._loaded, fresh)
            if dry_run or not changes:
                return ReloadAnswer(dry_run=dry_run, changes=changes), None
            self._loaded, self._loaded_at = fresh, datetime.now(UTC)
            self._record(EventKind.CONFIGURATION_CHANGED, origin, changes=changes)
            results, starts = await self._manager.begin_reconfiguring(
                fresh.settings, starts_added=self._starts_added
            )
            if self._apply_to_desk is not None:
                results |= await self._apply_to_desk(fresh.settings)
            return ReloadAnswer(changes=changes, results=results), starts

    def describe(self) -> ConfigurationAnswer:
        """Return what is in force, and what is wrong with the files or waits for the next start."""
        loaded, settings = self._loaded, self._loaded.settings
        changes = compare(self._started, loaded)
        return ConfigurationAnswer(
            environment=settings.environment,
            project_root=str(settings.project_root),
            files=tuple(loaded.files),
            loaded_at=self._loaded_at,
            values=tuple(
                ConfigurationValue(key=value.key, value=value.value, origin=str(value.origin))
                for value in loaded.effective_values()
            ),
            mistakes=_shown(self._mistakes),
            next_start=tuple(c for c in changes if c.effect is ChangeEffect.NEXT_START),
        )

    async def _read(self, origin: str, *, is_recorded: bool) -> LoadedSettings:
        try:
            fresh = await asyncio.to_thread(load_again, self._loaded)
            self._check(fresh)
        except ConfigurationError as error:
            self._mistakes = error.mistakes
            # A dry run that saw them first tells one person; the event is for everybody.
            if is_recorded and error.mistakes != self._recorded:
                self._recorded = error.mistakes
                self._record(
                    EventKind.CONFIGURATION_INVALID, origin, mistakes=_shown(error.mistakes)
                )
            raise
        self._mistakes = ()
        if self._recorded:
            self._recorded = ()
            self._manager.events.publish(EventKind.CONFIGURATION_MENDED, data=asked_by(origin))
        return fresh

    def _record(
        self,
        kind: EventKind,
        origin: str,
        **items: Sequence[ConfigurationChange] | Sequence[ConfigurationMistake],
    ) -> None:
        for name, found in items.items():
            _log.info("%s by %s: %d %s", kind, origin, len(found), name)
            shown = [item.model_dump(mode="json") for item in found[:MAX_RECORDED]]
            data = {**asked_by(origin), name: shown, "total": len(found)}
            self._manager.events.publish(kind, data=data)

    async def _look(self) -> Signature:
        return await asyncio.to_thread(_signature, self._loaded.watched)


def _shown(mistakes: Sequence[Mistake]) -> tuple[ConfigurationMistake, ...]:
    return tuple(ConfigurationMistake.model_validate(asdict(mistake)) for mistake in mistakes)


def _signature(paths: Sequence[Path]) -> Signature:
    """Return what changes when a file is written, replaced, removed or created."""
    return tuple(_signature_of(path) for path in paths)


def _signature_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
