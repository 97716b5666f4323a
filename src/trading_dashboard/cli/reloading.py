"""The command `reload`: what differs between the files and the running desk, and applying it."""

from __future__ import annotations

from collections.abc import Sequence

from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.cli.remote import Action, Context
from trading_dashboard.cli.reporting import say
from trading_dashboard.models.configuration import (
    ChangeEffect,
    ConfigurationChange,
    ReloadAnswer,
)

_EFFECTS = {
    ChangeEffect.LIVE: "counts at once",
    ChangeEffect.RESTART: "restarts {who}",
    ChangeEffect.ADDED: "adds {who}",
    ChangeEffect.REMOVED: "removes {who}",
    ChangeEffect.NEXT_START: "counts when the desk starts again",
}


def reload(dry_run: bool, as_json: bool) -> Action:
    """Have the running supervisor read its files again, and show what came of it."""

    async def action(context: Context) -> ExitCode:
        answer = await context.client.reload(dry_run=dry_run)
        if as_json:
            say(answer.model_dump_json(indent=2))
        else:
            for line in reload_lines(answer):
                say(line)
        return ExitCode.OK if all(answer.results.values()) else ExitCode.FAILED

    return action


def reload_lines(answer: ReloadAnswer) -> list[str]:
    """Return what a reload did, or would do, for people."""
    if answer.pending:
        return ["The reload goes on; `trading-dashboard status` shows how far it is."]
    if not answer.changes:
        return ["Nothing to change: the files say what the desk runs."]
    lines = change_lines(answer.changes)
    if answer.dry_run:
        return [*lines, "Nothing was changed (dry run)."]
    done = [f"{name}: {'done' if ok else 'failed'}" for name, ok in answer.results.items()]
    return [*lines, *(done or ["Done; no agent had to be restarted."])]


def change_lines(changes: Sequence[ConfigurationChange]) -> list[str]:
    """Return one line for each change."""
    return [
        f"{change}  ({_effect(change)}{f'; {change.origin}' if change.origin else ''})"
        for change in changes
    ]


def _effect(change: ConfigurationChange) -> str:
    return _EFFECTS[change.effect].format(who=change.agent or "the dashboard")
