"""A desk on fakes whose files a test writes, and who reloads them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import write_project
from tests.unit.orchestrator.fakes import (
    Desk,
    desk,
)
from trading_dashboard.config import load_settings
from trading_dashboard.models.events import EventKind
from trading_dashboard.orchestrator import AgentManager
from trading_dashboard.orchestrator.reloading import ConfigurationReloader


@dataclass
class Reloadable:
    root: Path
    made: Desk
    reloader: ConfigurationReloader

    @property
    def manager(self) -> AgentManager:
        return self.made.manager

    def write(self, agents: Mapping[str, Any], **sections: Any) -> None:
        write_project(self.root, {"agents": dict(agents), **sections})

    def generations(self) -> list[tuple[str, int]]:
        return [(launch.agent, launch.generation) for launch in self.made.runtime.launches]

    def recorded(self, *kinds: EventKind) -> list[Any]:
        return [event for event in self.manager.events.recent(1000) if event.kind in kinds]


@asynccontextmanager
async def reloadable(
    root: Path, agents: Mapping[str, Any], **options: Any
) -> AsyncIterator[Reloadable]:
    async with desk(root, agents) as made:
        await made.manager.start_all_enabled_agents()
        loaded = load_settings(root, environ={})
        yield Reloadable(root, made, ConfigurationReloader(made.manager, loaded, **options))
