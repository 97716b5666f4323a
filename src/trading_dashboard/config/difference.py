"""What differs between two configurations, and what it takes for each difference to take effect.

Owns the comparison and the table of effects. Applies nothing (`orchestrator.reloading`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trading_dashboard.config.masking import MASK, is_secret
from trading_dashboard.config.origins import KeyPath, LoadedSettings, OriginKind, dotted, show_value
from trading_dashboard.config.settings import AgentSettings
from trading_dashboard.models.configuration import ChangeEffect, ConfigurationChange

PROCESS_KEYS = frozenset({"url", "start_command", "working_directory", "env", "settings"})
"""Settings of an agent that its process was started with: a change needs a new process."""
DESK_SECTIONS = frozenset({"control_api", "logs", "history"})
"""Read once, when the desk starts."""
DASHBOARD_AT_START = frozenset({"enabled", "open_browser"})
"""Settings of the dashboard that are looked at once, too."""


def needs_new_process(before: AgentSettings, after: AgentSettings) -> bool:
    """Return whether a process that was started with `before` is not what `after` describes."""
    # An agent is told where those it depends on serve: another address there concerns it too.
    old, new = before.dependency_urls, after.dependency_urls
    has_moved = any(old[name] != url for name, url in new.items() if name in old)
    return has_moved or any(getattr(before, key) != getattr(after, key) for key in PROCESS_KEYS)


def compare(before: LoadedSettings, after: LoadedSettings) -> tuple[ConfigurationChange, ...]:
    """Return every setting that differs, in the order of the newer configuration.

    Values are shown as in `effective_values`; that of a secret is masked, its change is reported.
    """
    old, new = _written_out(before), _written_out(after)
    paths = [*new, *(path for path in old if path not in new)]
    missing = object()
    differing = [path for path in paths if old.get(path, missing) != new.get(path, missing)]
    changes = (_change(path, old, new, before, after) for path in differing)
    return tuple(change for change in changes if _is_telling(change, before, after))


def _written_out(loaded: LoadedSettings) -> dict[KeyPath, Any]:
    """Return every value; a mapping that is empty has none."""
    return {path: value for path, value in loaded.values().items() if value != {}}


def _is_telling(change: ConfigurationChange, before: LoadedSettings, after: LoadedSettings) -> bool:
    """Return False for the defaults of an agent that came or went."""
    if change.effect not in (ChangeEffect.ADDED, ChangeEffect.REMOVED):
        return True
    origins = after.origins if change.effect is ChangeEffect.ADDED else before.origins
    origin = origins.get(change.key)
    return origin is not None and origin.kind is not OriginKind.DEFAULT


def _change(
    path: KeyPath,
    old: Mapping[KeyPath, Any],
    new: Mapping[KeyPath, Any],
    before: LoadedSettings,
    after: LoadedSettings,
) -> ConfigurationChange:
    key = dotted(path)
    origin = after.origins.get(key)
    return ConfigurationChange(
        key=key,
        before=_shown(path, old),
        after=_shown(path, new),
        origin=str(origin) if origin else None,
        agent=str(path[1]) if path[0] == "agents" and len(path) > 1 else None,
        effect=_effect(path, before, after),
    )


def _shown(path: KeyPath, values: Mapping[KeyPath, Any]) -> str | None:
    if path not in values:
        return None
    return MASK if is_secret(path) else show_value(values[path])


def _effect(path: KeyPath, before: LoadedSettings, after: LoadedSettings) -> ChangeEffect:
    if path[0] in DESK_SECTIONS:
        return ChangeEffect.NEXT_START
    if path[0] == "dashboard":
        is_at_start = len(path) > 1 and path[1] in DASHBOARD_AT_START
        return ChangeEffect.NEXT_START if is_at_start else ChangeEffect.RESTART
    if path[0] != "agents":
        return ChangeEffect.LIVE
    name = str(path[1]) if len(path) > 1 else ""
    if name not in before.settings.agents:
        return ChangeEffect.ADDED
    if name not in after.settings.agents:
        return ChangeEffect.REMOVED
    return ChangeEffect.RESTART if path[2] in PROCESS_KEYS else ChangeEffect.LIVE
