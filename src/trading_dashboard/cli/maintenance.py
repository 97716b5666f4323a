"""`maintenance NAME on|off`: leaving an agent to whoever works on it."""

from __future__ import annotations

import re

import typer
from pydantic import ValidationError

from trading_dashboard.cli.exit_codes import ExitCode
from trading_dashboard.cli.formatting import maintenance_text
from trading_dashboard.cli.options import Switch
from trading_dashboard.cli.remote import Action, Context
from trading_dashboard.cli.reporting import say
from trading_dashboard.models.control import MAX_MAINTENANCE_MINUTES, MaintenanceRequest

_WRITTEN = re.compile(r"([0-9]{1,5})([mhd])")
_MINUTES = {"m": 1, "h": 60, "d": 1440}


def minutes_of(text: str) -> int:
    """Return what ``30m``, ``2h`` or ``1d`` means.

    Raises:
        ValueError: It means nothing, or is too long or too short; says what to write.
    """
    match = _WRITTEN.fullmatch(text.strip())
    minutes = int(match[1]) * _MINUTES[match[2]] if match else 0
    if not 1 <= minutes <= MAX_MAINTENANCE_MINUTES:
        raise ValueError(f"{text!r} is not a length such as 30m, 2h or 1d, at most 7d.")
    return minutes


def maintenance_request(
    switch: Switch, length: str | None, reason: str | None
) -> MaintenanceRequest:
    """Return what is asked for.

    Raises:
        typer.BadParameter: The length or the reason cannot be.
    """
    try:
        minutes = minutes_of(length) if length is not None else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--for") from error
    try:
        return MaintenanceRequest(on=switch is Switch.ON, minutes=minutes, reason=reason)
    except ValidationError as error:
        text = "Give 1 to 200 characters of plain text, without line breaks."
        raise typer.BadParameter(text, param_hint="--reason") from error


def set_maintenance(agent: str, request: MaintenanceRequest, as_json: bool) -> Action:
    """Begin, change or end an agent's maintenance."""

    async def action(context: Context) -> ExitCode:
        answer = await context.client.set_maintenance(agent, request)
        if as_json:
            say(answer.model_dump_json(indent=2))
        elif answer.pending:
            say(f"{agent} is just being ended or started; it counts as soon as that is done.")
        else:
            say(maintenance_text(answer.agent))
        return ExitCode.OK if answer.ok or answer.pending else ExitCode.FAILED

    return action
