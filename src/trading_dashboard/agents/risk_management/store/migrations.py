"""Older versions of the store, brought up to date in one transaction; newer ones refused.

Owns the steps from each version to the next. Since all tables but the journal are copies, a step
only has to bring the journal and `meta` along: the copies are dropped and made anew from it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, inspect, select

from trading_dashboard.agents.risk_management.store import recovery
from trading_dashboard.agents.risk_management.store.database import Database
from trading_dashboard.agents.risk_management.store.failures import damaged
from trading_dashboard.agents.risk_management.store.schema import COPIES, META, METADATA
from trading_dashboard.models.risk.errors import AccountStoreError

Step = Callable[[Connection], None]

STEPS: Sequence[Step] = ()
"""What brings each version to the next one, from version 1 on."""

_VERSION = "schema_version"

logger = logging.getLogger(__name__)


def schema_version() -> int:
    """Return the version this program writes."""
    return 1 + len(STEPS)


def found_version(connection: Connection, name: str) -> int | None:
    """Return the version of what is there; None where there is nothing yet.

    Raises:
        AccountStoreError: It does not say, or a newer program wrote it.
    """
    tables = set(inspect(connection).get_table_names())
    if not tables & set(METADATA.tables):
        return None
    value = None
    if META.name in tables:
        query = select(META.c.value).where(META.c.name == _VERSION)
        value = connection.execute(query).scalar_one_or_none()
    if value is None or not value.isdigit() or int(value) < 1:
        raise damaged(name, f"it does not say its version; tables {', '.join(sorted(tables))}")
    if int(value) > schema_version():
        raise AccountStoreError(
            f"The account store {name} has schema version {value}, "
            f"this program reads up to version {schema_version()}.",
            subject=name,
            observed=int(value),
            next_step="Use the version that wrote it. Nothing was changed.",
        )
    return int(value)


def bring_up_to_date(database: Database, connection: Connection, found: int | None) -> None:
    """Make the tables of a new store, or change those of an older one.

    Raises:
        AccountStoreError: The journal cannot be played; nothing was changed.
    """
    if found is None:
        METADATA.create_all(connection)
        connection.execute(META.insert(), {"name": _VERSION, "value": str(schema_version())})
        return
    if found == schema_version():
        return
    for version in range(found, schema_version()):
        logger.info("Bringing %s from version %d to %d", database.name, version, version + 1)
        STEPS[version - 1](connection)
    METADATA.drop_all(connection, tables=COPIES)
    METADATA.create_all(connection, tables=COPIES)
    recovery.rebuild(database, connection, database.name)
    connection.execute(
        META.update().where(META.c.name == _VERSION).values(value=str(schema_version()))
    )
