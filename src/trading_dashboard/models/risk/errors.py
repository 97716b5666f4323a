"""The errors of risk management; a branch of the tree in `models.errors`.

RiskError
├── InvalidOrder        the ticket contradicts itself or the account
├── OrderDenied         the pre-trade check says no; `details` has its findings
├── UnknownOrder        no order has this id
├── OrderFinal          it is filled, cancelled, rejected or expired, and stays so
├── DuplicateOrder      the client's order id was used for another order
├── InvalidImport       rows cannot be used; `details` names all of them
├── ReopeningRefused    a cause of the closed gate lasts, or has come since it was looked at
├── InvalidLimit        a limit that makes no sense
├── NotEnoughData       a measure needs more history than there is
├── InvalidScenario     a stress, back-test or size that cannot be computed as asked
├── RiskBusy            as many computations wait as may
├── RiskUnavailable     a computation was begun and did not end
└── AccountStoreError   the account's store cannot be opened, read or written
    └── AccountStoreInUse
"""

from __future__ import annotations

from trading_dashboard.models.errors import TradingDashboardError


class RiskError(TradingDashboardError):
    """Something about the account, risk or the gate."""

    code = "risk_error"


class InvalidOrder(RiskError):
    """The ticket contradicts itself or the account."""

    code = "invalid_order"


class OrderDenied(RiskError):
    """The pre-trade check says no; `details` has its findings."""

    code = "order_denied"


class UnknownOrder(RiskError):
    """No order has this id."""

    code = "unknown_order"


class OrderFinal(RiskError):
    """The order is filled, cancelled, rejected or expired, and stays so."""

    code = "order_final"


class DuplicateOrder(RiskError):
    """The client's order id was used for another order."""

    code = "duplicate_order"


class InvalidImport(RiskError):
    """Rows cannot be used; `details` names every one."""

    code = "invalid_import"


class ReopeningRefused(RiskError):
    """A cause of the closed gate lasts, or has come since it was looked at."""

    code = "reopening_refused"


class InvalidLimit(RiskError):
    """A limit that makes no sense."""

    code = "invalid_limit"


class NotEnoughData(RiskError):
    """A measure needs more history than there is."""

    code = "not_enough_data"


class InvalidScenario(RiskError):
    """A stress, back-test or size that cannot be computed as asked."""

    code = "invalid_scenario"


class RiskBusy(RiskError):
    """As many computations wait as may."""

    code = "risk_busy"


class RiskUnavailable(RiskError):
    """A computation was begun and did not end."""

    code = "risk_unavailable"


class AccountStoreError(RiskError):
    """The account's store cannot be opened, read or written."""

    code = "account_store_error"


class AccountStoreInUse(AccountStoreError):
    """Another process has the account's store open."""

    code = "account_store_in_use"
