"""The paper account: does it reconcile, how fast is it durable, what does a kill cost.

Four parts: random orders held against an accountant who shares no code with the account; the pure
work of a fill; fills a second made durable, beside bare SQLite that syncs as often; and `kill -9`
again and again in the middle of 1,000 fills.

    .venv/bin/python -m bench.account [all|money|pure|durable|kill] [--orders 100000] [--kills 50]
"""

from __future__ import annotations

import argparse
import signal
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from random import Random

from tests.integration.risk_management.test_account_killed import FILLS, examined, run_until_killed
from tests.puppets.fills_orders import order_and_fills
from tests.unit.risk_management.ledger import START, WALL
from tests.unit.risk_management.random_account import Accountant, RandomLife, audit
from trading_dashboard.agents.risk_management.account import entries
from trading_dashboard.agents.risk_management.account.book import Book
from trading_dashboard.agents.risk_management.account.entries import Draft
from trading_dashboard.agents.risk_management.store.store import AccountStore
from trading_dashboard.models.risk.account import JournalEntry

GROUPS = (1, 10, 100)
"""Orders in one commit."""


def money(orders: int) -> None:
    """Let accounts live until so many orders were placed; count what does not reconcile."""
    seed, placed, filled, entries_made, found = 0, 0, 0, 0, 0
    started = time.perf_counter()
    while placed < orders:
        book, accountant, life = Book(), Accountant(), RandomLife(seed)
        play(book, life.opened(), accountant)
        while life.orders < min(10_000, orders - placed):
            made = play(book, life.next(book), accountant)
            filled += sum(entry.kind == "order_filled" for entry in made)
            entries_made += len(made)
            if made and book.seq % 50 == 0:
                found += len(audit(book, accountant))
        found += len(audit(book, accountant))
        placed, seed = placed + life.orders, seed + 1
    seconds = time.perf_counter() - started
    print(f"{placed:,} random orders, {filled:,} fills, {entries_made:,} entries in "
          f"{seconds:.0f} s: {found} disagreements with the accountant, to the cent")  # fmt: skip


def pure() -> None:
    """Time the book alone."""
    book, drafts = Book(), list(islice(lives(), 30_000))
    book.play([numbered(book, opening())])
    spent: dict[str, list[float]] = {}
    for draft in drafts:
        entry = numbered(book, draft)
        started = time.perf_counter()
        book.apply(entry)
        spent.setdefault(entry.kind.value, []).append(time.perf_counter() - started)
    for kind, samples in spent.items():
        print(f"{'apply ' + kind:<40}{statistics.median(samples) * 1e6:>8.1f} µs median")


def durable(folder: Path) -> None:
    """Time fills through the store, by orders in a commit; then starts and checks."""
    for group in GROUPS:
        orders = min(20_000, 1_000 * group)
        with AccountStore.open(None, folder / f"g{group}") as store:
            store.append([opening()])
            drafts = list(islice(lives(), 3 * orders))
            started = time.perf_counter()
            for begin in range(0, len(drafts), 3 * group):
                store.append(drafts[begin : begin + 3 * group])
            seconds = time.perf_counter() - started
        bare = bare_sqlite(folder / f"bare{group}.db", orders // group, group)
        print(f"{2 * orders:>7,} fills, {group:>3} orders a commit: {2 * orders / seconds:>8,.0f} "
              f"fills/s, {seconds / (orders / group) * 1e3:.2f} ms a commit; bare SQLite, the same "
              f"rows: {bare / (orders / group) * 1e3:.2f} ms")  # fmt: skip
    largest = folder / f"g{GROUPS[-1]}"
    copy_time = timed(lambda: AccountStore.open(None, largest).close())
    store = AccountStore.open(None, largest)
    print(f"open after an orderly end, {store.seq:,} entries: {copy_time * 1e3:.0f} ms")
    # As after a kill just before the next snapshot: the most that is ever played.
    source = lives(start=10**6)
    while store.seq - store._snapshot_seq < 4_600:
        store.append(list(islice(source, 300)))
    store._database.close()
    started = time.perf_counter()
    store = AccountStore.open(None, largest)
    seconds = time.perf_counter() - started
    print(f"open after a kill, {store.seq - store._snapshot_seq:,} entries to play: "
          f"{seconds * 1e3:.0f} ms")  # fmt: skip
    store._database.close()
    with AccountStore.open(None, largest) as store:
        print(f"full check of {store.seq:,} entries: {timed(store.check):.1f} s")
        backup = timed(lambda: store.backup(folder / "copy.db"))
        size = (folder / "copy.db").stat().st_size / 2**20
        print(f"online backup of {size:.0f} MiB: {backup * 1e3:.0f} ms")


def kill(kills: int, folder: Path) -> None:
    """Kill the puppet at random until it was killed so often; count what was lost."""
    random, done, lost, disagreeing, rounds = Random(), 0, 0, 0, 0
    while done < kills:
        rounds += 1
        place, fills = folder / str(rounds), 0
        while fills < FILLS and done < kills:
            said, status = run_until_killed(place, random.randint(1, 150))
            seq, fills, found = examined(place)
            done += status == -signal.SIGKILL
            lost += max(0, said - seq)
            disagreeing += bool(found)
    print(f"{done} kills in the middle of 1,000 fills: {lost} acknowledged entries lost, "
          f"{disagreeing} disagreements of journal, cash and positions")  # fmt: skip


def play(book: Book, drafts: list[Draft], accountant: Accountant) -> list[JournalEntry]:
    made = []
    for draft in drafts:
        entry = numbered(book, draft)
        book.apply(entry)
        accountant.read(entry)
        made.append(entry)
    return made


def numbered(book: Book, draft: Draft) -> JournalEntry:
    return JournalEntry(
        seq=book.seq + 1, kind=draft.kind, actor=draft.actor, reason=draft.reason, at=draft.at,
        recorded_at=WALL, data=draft.data,
    )  # fmt: skip


def opening() -> Draft:
    return entries.account_opened(Decimal(1_000_000), actor="bench", at=START)


def lives(start: int = 0) -> Iterator[Draft]:
    """Yield orders with two fills each, for ever."""
    number = start
    while True:
        yield from order_and_fills(number)
        number += 1


def bare_sqlite(path: Path, commits: int, group: int) -> float:
    """Return the seconds to commit as many rows of the same size into one table."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, body TEXT)")
    rows = [("x" * 300,)] * (3 * group + 2 * group + group)
    started = time.perf_counter()
    for _ in range(commits):
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO rows (body) VALUES (?)", rows)
        connection.execute("COMMIT")
    seconds = time.perf_counter() - started
    connection.close()
    return seconds


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", default="all",
                        choices=["all", "money", "pure", "durable", "kill"])  # fmt: skip
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--folder", type=Path, help="where stores are made, on the disk to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        parts: dict[str, Callable[[], None]] = {
            "money": lambda: money(options.orders),
            "pure": pure,
            "durable": lambda: durable(Path(folder)),
            "kill": lambda: kill(options.kills, Path(folder) / "kill"),
        }
        for name, run in parts.items():
            if options.part in (name, "all"):
                print(f"-- {name}")
                run()


if __name__ == "__main__":
    main()
