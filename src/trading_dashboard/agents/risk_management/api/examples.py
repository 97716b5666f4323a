"""Examples of answers and bodies for the OpenAPI document; a test holds them to the models."""

from __future__ import annotations

from typing import Any

LABEL = {
    "source": "demo", "replay": True, "intraday": "simulated", "as_of": "2012-09-04T14:31:00Z",
}  # fmt: skip
TICKET = {
    "symbol": "AAPL", "side": "buy", "quantity": "10", "type": "limit", "limit_price": "670.50",
    "time_in_force": "day", "client_order_id": "mine-1",
}  # fmt: skip
ORDER: dict[str, Any] = {
    "id": "o0192a4b3c4d1e2f3a4b", "symbol": "AAPL", "side": "buy", "type": "limit",
    "quantity": "10", "limit_price": "670.50", "stop_price": None, "time_in_force": "day",
    "reduce_only": False, "client_order_id": "mine-1", "note": None, "status": "working",
    "triggered": False, "filled_quantity": "0", "average_price": None, "fees": "0",
    "reason": None, "actor": "trader at 127.0.0.1", "at": "2012-09-04T14:30:59Z",
    "updated_at": "2012-09-04T14:30:59Z", "recorded_at": "2026-03-02T15:00:00Z",
}  # fmt: skip
CANCELLED = {**ORDER, "status": "cancelled", "reason": "Cancelled."}
ORDERS = {**LABEL, "orders": [ORDER], "total": 1, "next_before": None}
FILL = {
    "id": "f42", "order_id": ORDER["id"], "symbol": "AAPL", "side": "buy", "quantity": "10",
    "price": "670.43", "market_price": "670.40", "fee": "1.00", "realised": "0.00",
    "realised_fifo": "0.00", "at": "2012-09-04T14:31:00Z", "recorded_at": "2026-03-02T15:00:01Z",
    "source": "demo",
}  # fmt: skip
FILLS = {**LABEL, "fills": [FILL], "total": 1, "next_before": None}
POSITION = {
    "symbol": "AAPL", "quantity": "10", "average_cost": "670.43",
    "lots": [{"opened_at": "2012-09-04T14:31:00Z", "quantity": "10", "price": "670.43"}],
    "realised": "0.00", "realised_fifo": "0.00", "price": "671.1", "price_age_seconds": 0.5,
    "price_at": "2012-09-04T14:31:00Z", "is_stale": False, "market_value": "6711.00",
    "unrealised": "6.70", "day_change": "6.70", "weight": 0.067, "currency": "USD",
    "is_sample": False,
}  # fmt: skip
POSITIONS = {
    **LABEL, "currency": "USD", "cash": "93294.70", "market_value": "6711.00",
    "equity": "100005.70", "realised": "0.00", "realised_fifo": "0.00", "unrealised": "6.70",
    "fees": "1.00", "day_pnl": "5.70", "peak_equity": "100009.10", "drawdown": 0.000034,
    "gross": "6711.00", "net": "6711.00", "long": "6711.00", "short": "0.00", "unpriced": [],
    "stale": [], "is_sample": False, "open_orders": 0, "seq": 42, "positions": [POSITION],
}  # fmt: skip
IMPORT = {
    "dry_run": True, "rows": 1, "accepted": 1, "problems": [], "positions": [POSITION],
    "seq": None,
}  # fmt: skip
CHECK = {
    **LABEL, "allowed": True, "findings": [], "gate": "active", "price": 670.5,
    "notional": 6705.0, "estimated_fee": 1.0, "reduces": False,
    "numbers": {"gross": {"before": 0.0, "after": 6704.0}, "var": {"before": 0.0, "after": 190.2}},
}  # fmt: skip
CAUSE = {
    "kind": "upstream_unhealthy", "subject": "market_data", "closes_to": "reducing",
    "message": "The connection to market_data is lost.",
    "next_step": "Look at that agent and its log; reopen once it is well.",
    "since": "2026-03-02T15:00:00Z", "market_time": "2012-09-04T14:31:00Z", "lasts": False,
    "ended_at": "2026-03-02T15:00:04Z", "times": 1,
}  # fmt: skip
GATE = {
    "state": "reducing", "trading_allowed": False, "causes": [CAUSE],
    "since": "2026-03-02T15:00:00Z", "lease_seconds_left": 2.4, "seq": 7,
    "as_of": "2026-03-02T15:00:09Z",
}  # fmt: skip
OPEN_GATE = {**GATE, "state": "active", "trading_allowed": True, "causes": []}
KILL = {
    "gate": {**GATE, "state": "halted"}, "cancelled": 2, "verified": True,
    "probe_code": "gate_halted",
    "message": "A probe order for AAPL was denied: The gate is halted.",
}  # fmt: skip
LIMIT = {
    "kind": "var", "subject": "*", "soft": 0.03, "hard": 0.05, "unit": "fraction_of_equity",
    "value": 0.019, "used": 0.38, "state": "ok",
    "message": "Value at risk is 1.90 % of equity; a warning above 3.00 %, 5.00 % are allowed.",
}  # fmt: skip
LIMITS = {**LABEL, "limits": [LIMIT], "seq": 3}
JOURNAL = {
    **LABEL,
    "entries": [
        {"seq": 42, "kind": "cash_moved", "actor": "operator at 127.0.0.1", "reason": "Savings",
         "at": "2012-09-04T14:31:00Z", "recorded_at": "2026-03-02T15:00:00Z",
         "data": {"amount": "1000.00"}}
    ],
    "next_before": 42,
}  # fmt: skip
WINDOW = {"start": "2010-09-08", "end": "2012-08-31", "observations": 500, "missing": []}
MEASURE = {
    "id": "var.historical", "name": "Value at risk, historical", "value": 1902.4,
    "unit": "currency", "subject": None, "horizon_days": 1, "confidence": 0.95,
    "annualised": False, "window": WINDOW, "formula": "VaR = -P&L(k)",
    "citation": "Jorion 2007, ch. 10", "standard_error": None, "parameters": {}, "note": None,
}  # fmt: skip
RISK = {
    **LABEL, "seq": 42, "equity": 100005.7, "gross": 6711.0, "net": 6711.0, "confidence": 0.95,
    "horizon_days": 1, "measures": [MEASURE],
    "var": [{"method": "historical", "confidence": 0.95, "horizon_days": 1, "var": MEASURE,
             "expected_shortfall": MEASURE}],
    "contributions": [{"symbol": "AAPL", "weight": 0.067, "value": 6711.0, "marginal": 0.028,
                       "component": 190.2, "incremental": 190.2}],
    "contributions_method": "historical",
    "correlation": {"symbols": ["AAPL"], "sample": [[1.0]], "shrunk": [[1.0]], "shrinkage": 0.0,
                    "window": WINDOW},
    "is_sample": False, "is_stale": False, "notes": [],
}  # fmt: skip
BACKTEST = {
    **LABEL,
    "backtests": [
        {"subject": "AAPL", "method": "historical", "confidence": 0.95, "window": 500,
         "first": "2002-03-04", "last": "2012-08-31", "days": 2645, "violations": 140,
         "expected": 132.25,
         "tests": [{"name": "kupiec", "statistic": 0.46, "p_value": 0.5, "rejected": False,
                    "note": None}],
         "traffic_light": "green", "traffic_violations": 9, "dates": ["2012-08-31"],
         "returns": [0.002], "var": [0.031], "violated": [False], "parameters": {}, "notes": []}
    ],
    "notes": [],
}  # fmt: skip
STRESS = {
    **LABEL, "equity": 100005.7,
    "scenarios": [
        {"id": "2008-autumn", "name": "Autumn 2008", "kind": "historical", "start": "2008-09-12",
         "end": "2008-11-20", "pnl": -2810.0, "pnl_fraction": -0.028, "worst_day": -0.012,
         "worst_drawdown": 0.031, "var_before": None, "var_after": None,
         "by_symbol": {"AAPL": -2810.0}, "missing": [], "coverage": 1.0,
         "explanation": "What today's holdings would have lost."}
    ],
    "notes": [],
}  # fmt: skip
SIZING = {
    **LABEL, "method": "atr", "equity": 100005.7,
    "sizes": [{"symbol": "AAPL", "quantity": 55.0, "notional": 36910.5, "fraction": 0.369,
               "risk": 990.0}],
    "steps": ["Risk 1 % of 100,005.70: 1,000.06."], "formula": "q = f E / (m ATR)",
    "citation": "Wilder 1978", "warnings": [],
}  # fmt: skip
