"""The commands `config check` and `config show`. They start nothing and need no supervisor."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.cli.reporting import complain, say
from trading_dashboard.config import EffectiveValue, LoadedSettings, check_startable, load_settings
from trading_dashboard.models.errors import ConfigurationError, Mistake


def run_check(project_root: Path | None, environment: str | None, as_json: bool) -> ExitCode:
    """Say what is right with the configuration, or every mistake in it."""
    loaded, mistakes = check(project_root, environment)
    if as_json:
        say(json.dumps(_report(loaded, mistakes), indent=2))
    elif mistakes:
        return complain(ConfigurationError(mistakes))
    elif loaded is not None:
        for line in fine_lines(loaded):
            say(line)
    return ExitCode.USAGE if mistakes else ExitCode.OK


def run_show(
    project_root: Path | None, environment: str | None, with_origin: bool, as_json: bool
) -> ExitCode:
    """Show the effective settings, and where each came from."""
    try:
        loaded = load_settings(project_root, environment=environment)
    except ConfigurationError as error:
        return complain(error, as_json)
    values = loaded.effective_values()
    if as_json:
        head = _head(loaded)
        say(json.dumps({**head, "values": [_value(value) for value in values]}, indent=2))
        return ExitCode.OK
    settings = loaded.settings
    say(f"# {settings.environment}, {settings.project_root}")
    for line in _aligned(values) if with_origin else [f"{v.key} = {v.value}" for v in values]:
        say(line)
    return ExitCode.OK


def check(
    project_root: Path | None, environment: str | None
) -> tuple[LoadedSettings | None, Sequence[Mistake]]:
    """Return the settings, None if they cannot be loaded, and all mistakes."""
    loaded = None
    try:
        loaded = load_settings(project_root, environment=environment)
        check_startable(loaded)
    except ConfigurationError as error:
        return loaded, error.mistakes
    return loaded, ()


def fine_lines(loaded: LoadedSettings) -> list[str]:
    """Return what is right, for people."""
    settings = loaded.settings
    enabled = [name for name, agent in settings.agents.items() if agent.enabled]
    disabled = [name for name, agent in settings.agents.items() if not agent.enabled]
    written = sum(1 for value in loaded.effective_values() if value.origin.kind != "default")
    agents = f"{len(enabled)} enabled ({', '.join(enabled)})" if enabled else "none enabled"
    if disabled:
        agents += f", {len(disabled)} disabled ({', '.join(disabled)})"
    dashboard = settings.dashboard
    return [
        f"The configuration is fine: {settings.environment}, {settings.project_root}",
        f"  files: {', '.join(loaded.files) or 'none'}",
        f"  agents: {agents}",
        f"  dashboard: {f'port {dashboard.port}' if dashboard.enabled else 'disabled'}",
        f"  settings: {written} written, {len(loaded.effective_values()) - written} by default",
    ]


def _report(loaded: LoadedSettings | None, mistakes: Sequence[Mistake]) -> dict[str, Any]:
    agents = loaded.settings.agents.items() if loaded else ()
    return {
        "ok": not mistakes,
        **_head(loaded),
        "agents": {name: {"enabled": agent.enabled, "url": agent.url} for name, agent in agents},
        "mistakes": [asdict(mistake) for mistake in mistakes],
    }


def _head(loaded: LoadedSettings | None) -> dict[str, Any]:
    if loaded is None:
        return {"environment": None, "project_root": None, "files": []}
    settings = loaded.settings
    return {
        "environment": settings.environment,
        "project_root": str(settings.project_root),
        "files": list(loaded.files),
    }


def _value(value: EffectiveValue) -> dict[str, Any]:
    return {"key": value.key, "value": value.value, "origin": asdict(value.origin)}


def _aligned(values: Sequence[EffectiveValue]) -> list[str]:
    texts = [f"{value.key} = {value.value}" for value in values]
    width = min(max((len(text) for text in texts), default=0), 70)
    return [
        f"{text.ljust(width)}  # {value.origin}" for text, value in zip(texts, values, strict=True)
    ]
