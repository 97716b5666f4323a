"""What the shell offers after Tab. Reads files of the project, asks nobody, never complains."""

from __future__ import annotations

from pathlib import Path

import typer

SYSTEM_AGENTS = ("dashboard",)
MAX_OFFERED = 500


def complete_agents(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the configured agents' names that begin so, without those already given."""
    given = ctx.params.get("names") or ()
    names = [*_configured(ctx.params.get("project_root")), *SYSTEM_AGENTS]
    return [name for name in names if name.startswith(incomplete) and name not in given]


def complete_environments(incomplete: str) -> list[str]:
    """Return the environments that begin so."""
    return [name for name in ("development", "production") if name.startswith(incomplete)]


def complete_levels(incomplete: str) -> list[str]:
    """Return the log levels that begin so."""
    levels = ("debug", "info", "warning", "error")
    return [name for name in levels if name.startswith(incomplete)]


def complete_roles(incomplete: str) -> list[str]:
    """Return the roles of tokens that begin so."""
    return [name for name in ("operator", "read-only") if name.startswith(incomplete)]


def complete_kinds(incomplete: str) -> list[str]:
    """Return the kinds of events that the history keeps and that begin so."""
    from trading_dashboard.models.events import EventKind

    kept = (kind.value for kind in EventKind if kind is not EventKind.AGENT_CHANGED)
    return [name for name in kept if name.startswith(incomplete)]


def complete_intervals(incomplete: str) -> list[str]:
    """Return the intervals of bars that begin so."""
    names = (
        "1s", "5s", "15s", "30s", "1m", "2m", "5m", "15m", "30m", "1h", "2h", "4h", "1d", "1w",
        "1M",
    )  # fmt: skip
    return [name for name in names if name.startswith(incomplete)]


def complete_formats(incomplete: str) -> list[str]:
    """Return the formats of exported files that begin so."""
    return [name for name in ("parquet", "csv", "arrow") if name.startswith(incomplete)]


def complete_units(incomplete: str) -> list[str]:
    """Return the units of time that begin so."""
    return [name for name in ("s", "ms", "us") if name.startswith(incomplete)]


def _configured(project_root: object) -> list[str]:
    """Return the agents that any file of the configuration names, also if others are broken."""
    from trading_dashboard.config.documents import read_document
    from trading_dashboard.config.origins import Branch
    from trading_dashboard.config.places import find_project_root

    root = Path(str(project_root)) if project_root else find_project_root()
    names: dict[str, None] = {}
    for path in (
        root / "config" / "agents.yaml",
        *(root / "config" / "environments").glob("*.yaml"),
    ):
        if path.is_file():
            section = read_document(path, path.name, []).children.get("agents")
            names.update(dict.fromkeys(section.children if isinstance(section, Branch) else ()))
    return list(names)[:MAX_OFFERED]
