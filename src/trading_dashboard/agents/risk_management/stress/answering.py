"""A question about stress, answered in one go."""

from __future__ import annotations

from trading_dashboard.agents.risk_management.measures.returns import ReturnPanel
from trading_dashboard.agents.risk_management.stress.historical import Closes, historical_rows
from trading_dashboard.agents.risk_management.stress.holdings import (
    Covariance,
    Stressed,
    covariance_of,
)
from trading_dashboard.agents.risk_management.stress.reverse import reverse_rows
from trading_dashboard.agents.risk_management.stress.shocks import shock_row
from trading_dashboard.agents.risk_management.wording import listed
from trading_dashboard.models.risk.errors import InvalidScenario, NotEnoughData
from trading_dashboard.models.risk.measures import Shock, StressQuestion, StressRow

DEFAULT_QUESTION = StressQuestion(
    shocks=[
        Shock(name="Everything falls by 10 %", all=-0.1),
        Shock(name="Everything falls by 30 %", all=-0.3),
        Shock(name="Volatility doubles", volatility=2),
        Shock(name="Everything moves alike", volatility=2, correlation=1),
    ],
    reverse_loss=0.1,
)
"""What ``GET /risk/stress`` asks."""


def stress(
    question: StressQuestion,
    held: Stressed,
    closes: Closes,
    panel: ReturnPanel,
    confidence: float = 0.95,
) -> tuple[list[StressRow], list[str]]:
    """Return every scenario for holdings, and what must be known of them.

    Args:
        question: Shocks and the loss to be explained; windows of history are always told.
        held: The holdings, those asked with or the account's.
        closes: All that is loaded.
        panel: The newest returns, from which covariances are made.
        confidence: Of the VaR before and after a shock.

    Raises:
        InvalidScenario: A shock moves nothing.
    """
    notes = []
    covariance: Covariance | None = None
    if question.shocks or question.reverse_loss is not None:
        try:
            covariance = covariance_of(panel, held) if held.symbols else None
        except NotEnoughData as error:
            notes.append(str(error))
    if covariance is not None and covariance.missing:
        notes.append(
            f"{listed(covariance.missing)}: too little history for a covariance; prices of shocks "
            "move, but VaR and the likeliest way are without."
        )
    rows = historical_rows(held, closes)
    rows += [
        shock_row(number, shock, held, covariance, confidence)
        for number, shock in enumerate(question.shocks, start=1)
    ]
    if question.reverse_loss is not None:
        try:
            rows += reverse_rows(held, question.reverse_loss, covariance)
        except InvalidScenario as error:
            notes.append(str(error))
    return rows, notes
