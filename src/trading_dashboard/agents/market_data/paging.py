"""The pages of bars: how the place after which a page begins is written and read.

Owns the token. It holds the question's symbol and interval, so that one of another question is
noticed; `after` is the opening time of the page's last bar, in the unit of the market that made it.
"""

from __future__ import annotations

import base64
import binascii
import json

from trading_dashboard.agents.market_data.market import FIRST_PAGE, BarsQuestion
from trading_dashboard.models.errors import InvalidRange


def page_token(question: BarsQuestion, after: int) -> str:
    """Return the token of the page after a bar."""
    body = json.dumps([question.symbol, question.interval, after], separators=(",", ":"))
    return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")


def page_after(question: BarsQuestion) -> int | None:
    """Return the bar after which the question's page begins. Raises `InvalidRange`."""
    if question.page is None or question.page == FIRST_PAGE:
        return None
    try:
        padded = question.page + "=" * (-len(question.page) % 4)
        symbol, interval, after = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, TypeError, binascii.Error):
        symbol, interval, after = None, None, None
    if (symbol, interval) != (question.symbol, question.interval) or type(after) is not int:
        raise InvalidRange(
            "page is not one that this question was answered with.",
            subject=question.symbol,
            observed=question.page[:80],
            next_step=f"Pass next_page of the last answer, or '{FIRST_PAGE}' to begin.",
        )
    return after
