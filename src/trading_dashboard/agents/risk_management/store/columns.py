"""Columns whose values must come back exactly as they went in, whatever the database.

Owns how decimals and instants are kept. SQLite has no decimals: they are text there and NUMERIC
elsewhere; neither passes through binary floating point. Instants are microseconds since 1970.
"""

from __future__ import annotations

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

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Return what the driver is given."""
        if value is None or dialect.name != "sqlite":
            return value
        return format(value, "f")

    def process_result_value(self, value: Any, _: Dialect) -> Decimal | None:
        """Return what the driver gave as a decimal."""
        return None if value is None else Decimal(value)


class Instant(TypeDecorator[datetime]):
    """An aware time, kept to the microsecond."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: Dialect) -> int | None:
        """Return microseconds since 1970."""
        return None if value is None else microseconds(value)

    def process_result_value(self, value: Any, _: Dialect) -> datetime | None:
        """Return the time in UTC."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)


def microseconds(at: datetime) -> int:
    """Return microseconds since 1970 of an aware time."""
    return (at - _EPOCH) // _MICROSECOND
