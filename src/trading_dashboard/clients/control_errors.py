"""Errors of the control API as the classes the supervisor raised.

Owns the mapping from code to class and what an answer of another shape becomes.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from trading_dashboard.models import control, errors
from trading_dashboard.models.configuration import ConfigurationMistake
from trading_dashboard.models.errors import TradingDashboardError


class ControlApiError(TradingDashboardError):
    """The control API refused or failed in a way that has no class of its own.

    `api_code` is the code it gave.
    """

    code = "control_api_error"

    def __init__(self, message: str, *, api_code: str = "", **about: Any) -> None:
        super().__init__(message, **about)
        self.api_code = api_code


def error_of(content: bytes, status: int) -> TradingDashboardError:
    """Return the error a body describes, as the class the supervisor raised."""
    try:
        detail = control.ErrorAnswer.model_validate_json(content).error
    except ValidationError:
        text = f"The control API answered {status} without an explanation."
        return ControlApiError(text, observed=content[:200].decode(errors="replace"))
    about: dict[str, Any] = {
        "subject": detail.subject,
        "observed": detail.observed,
        "next_step": detail.next_step,
    }
    if detail.code == errors.ConfigurationError.code:
        return _configuration_error(detail)
    kind = _ERRORS_BY_CODE.get(detail.code)
    if kind is not None:
        return kind(detail.message, **about)
    if detail.details:
        about["observed"] = json.dumps(detail.details)
    return ControlApiError(detail.message, api_code=detail.code, **about)


def _configuration_error(detail: control.ErrorDetail) -> TradingDashboardError:
    try:
        found = [ConfigurationMistake.model_validate(item) for item in detail.details]
    except ValidationError:  # of a supervisor of another version
        return ControlApiError(detail.message, api_code=detail.code, subject=detail.subject)
    return errors.ConfigurationError([errors.Mistake(**item.model_dump()) for item in found])


_ERRORS_BY_CODE: dict[str, type[TradingDashboardError]] = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type)
    and issubclass(kind, TradingDashboardError)
    and kind not in (TradingDashboardError, errors.ConfigurationError)
}
