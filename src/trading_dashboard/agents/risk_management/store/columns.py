"""Columns whose values must come back exactly as they went in, whatever the database.

Owns how decimals and instants are kept. SQLite has no decimals: they are text there and NUMERIC
elsewhere; neither passes through binary floating point. Instants are microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, Numeric, String
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Number = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit integer that SQLite can use as its row's own number."""


class ExactDecimal(TypeDecorator[Decimal]):
    """A decimal with at most eight decimals."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return text for SQLite, NUMERIC for others."""
        kind: TypeEngine[Any] = String() if dialect.name == "sqlite" else Numeric(38, 8)
        return dialect.type_descriptor(kind)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """Return what makes a value the driver's; one call for each, since there are many."""
        return _decimal_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: Any, _: Dialect) -> Decimal | None:
        """Return what the driver gave as a decimal."""
        return None if value is None else Decimal(value)


class Instant(TypeDecorator[datetime]):
    """An aware time, kept to the microsecond."""

    impl = BigInteger
    cache_ok = True

    def bind_processor(self, _: Dialect) -> Callable[[Any], Any]:
        """Return what makes a value the driver's."""
        return _instant_number

    def process_result_value(self, value: Any, _: Dialect) -> datetime | None:
        """Return the time in UTC."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)


def microseconds(at: datetime) -> int:
    """Return microseconds since 1970 of an aware time."""
    return (at - _EPOCH) // _MICROSECOND


def _decimal_text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def _instant_number(value: datetime | None) -> int | None:
    return None if value is None else microseconds(value)
