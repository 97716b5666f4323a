"""The journal's chain: each entry carries a digest of itself and of all before it.

Owns the digest and the form of entries in rows. One changed, removed or inserted entry breaks the
chain at that place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import orjson

from trading_dashboard.agents.risk_management.account.entries import Draft
from trading_dashboard.agents.risk_management.store.columns import microseconds
from trading_dashboard.models.risk.account import JournalEntry
from trading_dashboard.models.risk.errors import InvalidOrder

GENESIS = "0" * 64
"""Stands for what is before the first entry."""

Row = Mapping[Any, Any]


class BrokenChain(ValueError):
    """An entry is not what was written; `seq` is its number."""

    def __init__(self, seq: int, what: str) -> None:
        self.seq = seq
        super().__init__(f"journal entry {seq} {what}")


class Chain:
    """How far the journal goes, and the digest there."""

    def __init__(self, seq: int = 0, digest: str = GENESIS) -> None:
        self.seq = seq
        self.digest = digest

    def copy(self) -> Chain:
        """Return another at the same place."""
        return Chain(self.seq, self.digest)

    def add(self, draft: Draft, recorded_at: datetime) -> tuple[JournalEntry, dict[str, Any]]:
        """Return the next entry as it will be read, and its row.

        Raises:
            InvalidOrder: It cannot be written down: a time without a zone, text that is none.
        """
        try:
            text = orjson.dumps(draft.data, option=orjson.OPT_SORT_KEYS).decode()
            row: dict[str, Any] = {
                "seq": self.seq + 1,
                "kind": draft.kind.value,
                "actor": draft.actor,
                "reason": draft.reason,
                "at": draft.at,
                "recorded_at": recorded_at,
                "data": text,
            }
            _refuse_nul(draft.actor, draft.reason or "", text)
            row["digest"] = _digest(self.digest, row)
            entry = entry_of(row)
        except (TypeError, ValueError) as error:
            raise InvalidOrder(
                f"What is to be journalled ({draft.kind.value}) cannot be written down.",
                subject=draft.kind.value,
                observed=str(error),
                next_step="Leave out characters that are no text.",
            ) from error
        self.seq, self.digest = entry.seq, row["digest"]
        return entry, row

    def follow(self, rows: Iterable[Row]) -> Iterator[JournalEntry]:
        """Yield the entries of rows that continue the chain.

        Raises:
            BrokenChain: One does not.
        """
        for row in rows:
            if row["seq"] != self.seq + 1:
                raise BrokenChain(self.seq + 1, f"is missing; {row['seq']} follows")
            if _digest(self.digest, row) != row["digest"]:
                raise BrokenChain(row["seq"], "is not what was written: its digest differs")
            self.seq, self.digest = row["seq"], row["digest"]
            yield entry_of(row)


def entry_of(row: Row) -> JournalEntry:
    """Return the entry of a row."""
    return JournalEntry(
        seq=row["seq"],
        kind=row["kind"],
        actor=row["actor"],
        reason=row["reason"],
        at=row["at"],
        recorded_at=row["recorded_at"],
        data=orjson.loads(row["data"]),
    )


def state_digest(state: str, journal_digest: str) -> str:
    """Return the digest of a snapshot of the book at the entry with `journal_digest`."""
    return hashlib.sha256(f"{journal_digest}\n{state}".encode()).hexdigest()


def _refuse_nul(actor: str, reason: str, data: str) -> None:
    """Raise ValueError for the one character that not every database keeps."""
    if "\0" in actor or "\0" in reason or "\\u0000" in data:
        raise ValueError("it has the character NUL")


def _digest(previous: str, row: Row) -> str:
    at = row["at"]
    content = orjson.dumps(
        [
            previous,
            row["seq"],
            row["kind"],
            row["actor"],
            row["reason"],
            None if at is None else microseconds(at),
            microseconds(row["recorded_at"]),
            row["data"],
        ]
    )
    return hashlib.sha256(content).hexdigest()
