"""`tokens rotate`: new tokens of the control API, in their files and nowhere else."""

from __future__ import annotations

import json

from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.cli.remote import Action, Context
from trading_dashboard.cli.reporting import say
from trading_dashboard.cli.run_files import TOKEN_FILES
from trading_dashboard.models.control import TokenRole
from trading_dashboard.models.errors import TradingDashboardError


def rotate(role: str | None, as_json: bool) -> Action:
    """Replace one role's token, or both, and say where the new ones are."""

    async def action(context: Context) -> ExitCode:
        answer = await context.client.rotate_tokens(TokenRole(role) if role else None)
        if answer.pending:
            raise TradingDashboardError(
                "The tokens are not written yet.",
                next_step="`trading-dashboard events` shows when they are.",
            )
        files = {str(role): f"var/run/{TOKEN_FILES[role]}" for role in answer.rotated}
        if as_json:
            say(json.dumps({"ok": True, "rotated": files}))
            return ExitCode.OK
        for name, path in files.items():
            say(f"{name}: replaced; the new token is in {path}.")
        return ExitCode.OK

    return action
