"""What `logs --grep` and `--level` mean, and what is wrong with them."""

from __future__ import annotations

import typer
from pydantic import ValidationError

from trading_dashboard.models.log_search import LEVELS, MAX_PATTERN_CHARACTERS, LogSearch


def search_for(grep: str | None, level: str | None) -> LogSearch:
    """Return the search.

    Raises:
        typer.BadParameter: It could find nothing.
    """
    if level is not None and level not in LEVELS:
        raise typer.BadParameter(
            f"{level!r} is no level. Use one of: {', '.join(LEVELS)}.", param_hint="--level"
        )
    try:
        return LogSearch.model_validate({"grep": grep, "level": level})
    except ValidationError as error:
        raise typer.BadParameter(
            f"Give 1 to {MAX_PATTERN_CHARACTERS} characters of plain text, without line breaks.",
            param_hint="--grep",
        ) from error
