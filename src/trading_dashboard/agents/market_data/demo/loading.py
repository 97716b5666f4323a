"""From an empty or older store to a market that can be replayed.

Owns the order of the start: sessions first, then rows, each in a transaction of its own, so that a
start that was killed is finished by the next one.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import subprocess
import sys
from datetime import date
from pathlib import Path

from trading_dashboard.agents.market_data.demo import dataset
from trading_dashboard.agents.market_data.demo.dataset import Action, DailyRow
from trading_dashboard.agents.market_data.demo.market import DemoMarket
from trading_dashboard.agents.market_data.demo.series import DailySeries
from trading_dashboard.agents.market_data.demo.store import (
    MarketStore,
    calendar_label,
    move_aside,
)
from trading_dashboard.agents.market_data.demo.timeline import Session, Timeline
from trading_dashboard.agents.market_data.errors import StoreDamaged, StoreUnusable

FIRST_DAY = date(2000, 3, 1)
LAST_DAY = date(2013, 3, 1)
DATASET_LABEL = f"bokeh_sampledata {dataset.DATASET_VERSION} stocks, reading 1"

_CALENDAR_TIMEOUT_SECONDS = 60

logger = logging.getLogger(__name__)


def open_market(path: Path, seed: int) -> tuple[MarketStore, DemoMarket]:
    """Return the store, open, and the market in it.

    A store that is damaged is moved aside, never deleted, and built anew: everything in it can be
    loaded again. Damage anywhere is found here, because all of the content is read.

    Raises:
        StoreInUse: Another process has it open.
        StoreUnusable: It cannot be opened, created, read or filled.
    """
    try:
        return _opened(path, seed)
    except StoreDamaged as error:
        logger.error("%s Observed: %s", error.message, error.observed)
    try:
        aside = move_aside(path)
    except OSError as error:
        raise StoreUnusable(
            f"The damaged market data store {path} cannot be moved aside.",
            subject=str(path),
            observed=str(error),
            next_step="Check the folder's permissions, or move the file away.",
        ) from error
    logger.error("The damaged store is now %s; it is built anew", aside)
    return _opened(path, seed)


def _opened(path: Path, seed: int) -> tuple[MarketStore, DemoMarket]:
    store = MarketStore(path)
    try:
        return store, load_market(store, seed)
    except BaseException:
        with contextlib.suppress(StoreUnusable):
            store.close()
        raise


def load_market(store: MarketStore, seed: int) -> DemoMarket:
    """Return the market in `store`, loading what it lacks."""
    sessions = load_sessions(store)
    rows, actions = load_rows(store)
    timeline = Timeline(sessions)
    by_symbol = {
        symbol: list(group) for symbol, group in itertools.groupby(rows, lambda row: row.symbol)
    }
    series = {
        listing.symbol: DailySeries(
            listing,
            by_symbol[listing.symbol],
            [action for action in actions if action.symbol == listing.symbol],
            timeline,
        )
        for listing in dataset.LISTINGS
    }
    return DemoMarket(timeline, series, seed)


def load_sessions(store: MarketStore) -> list[Session]:
    """Return the exchange's sessions, asked of the calendar library once per version of it."""
    label = calendar_label(FIRST_DAY, LAST_DAY)
    sessions = store.sessions(dataset.CALENDAR, label)
    if not sessions:
        logger.info("Asking the calendar library for the sessions of %s", dataset.CALENDAR)
        sessions = ask_calendar(dataset.CALENDAR, FIRST_DAY, LAST_DAY)
        store.replace_sessions(dataset.CALENDAR, label, sessions)
    return sessions


def load_rows(store: MarketStore) -> tuple[list[DailyRow], list[Action]]:
    """Return the data set's rows and actions, from the store if they are there and whole."""
    stored = store.source(dataset.SOURCE, DATASET_LABEL)
    if stored is not None:
        return stored
    rows = list(dataset.read_rows())
    actions = [
        action
        for _, group in itertools.groupby(rows, lambda row: row.symbol)
        for action in dataset.derive_actions(list(group))
    ]
    store.replace_source(dataset.SOURCE, DATASET_LABEL, rows, actions)
    flawed = sum(1 for row in rows if row.flaws)
    logger.info(
        "Loaded %d daily rows, %d of them flawed, and %d corporate actions",
        len(rows), flawed, len(actions),
    )  # fmt: skip
    return rows, actions


def ask_calendar(name: str, first: date, last: date) -> list[Session]:
    """Return the calendar's sessions and the one after, from a process of its own.

    Raises:
        StoreUnusable: The calendar library failed; its words are in `observed`.
    """
    # By its path and without its folder on the module path: it needs nothing of ours.
    script = str(Path(__file__).with_name("calendar_export.py"))
    command = [sys.executable, "-P", script, name, first.isoformat(), last.isoformat()]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=_CALENDAR_TIMEOUT_SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise StoreUnusable(
            f"The sessions of calendar {name} could not be computed.",
            subject=name,
            observed=(done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1],
            next_step="Check that exchange-calendars is installed: run run_dashboard.py again.",
        )
    return [
        Session(date.fromisoformat(day), open_at, close_at)
        for day, open_at, close_at in json.loads(done.stdout)
    ]
