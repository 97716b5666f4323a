"""Examples of the API are answers the models allow, with nothing left over."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from trading_dashboard.agents.risk_management.api import examples
from trading_dashboard.models.risk.account import (
    FillsResponse,
    ImportReport,
    JournalResponse,
    Order,
    OrdersResponse,
    OrderTicket,
    PositionsResponse,
)
from trading_dashboard.models.risk.gate import (
    CheckResult,
    GateStatus,
    KillReport,
    LimitsResponse,
)
from trading_dashboard.models.risk.measures import (
    BacktestResponse,
    PortfolioRisk,
    SizingResponse,
    StressResponse,
)

MODELS: dict[str, type[BaseModel]] = {
    "TICKET": OrderTicket, "ORDER": Order, "ORDERS": OrdersResponse, "FILLS": FillsResponse,
    "POSITIONS": PositionsResponse, "IMPORT": ImportReport, "CHECK": CheckResult,
    "GATE": GateStatus, "OPEN_GATE": GateStatus, "KILL": KillReport, "LIMITS": LimitsResponse,
    "JOURNAL": JournalResponse, "RISK": PortfolioRisk, "BACKTEST": BacktestResponse,
    "STRESS": StressResponse, "SIZING": SizingResponse,
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_an_example_is_an_answer(name: str) -> None:
    body: dict[str, Any] = getattr(examples, name)
    model = MODELS[name]
    told = model.model_validate(body)
    assert set(body) <= set(model.model_fields)
    for key, value in body.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            kept = told.model_dump()[key][0]
            assert set(value[0]) <= set(kept), key
