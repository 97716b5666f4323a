"""Spends a daily quota until it is gone or it is killed; each request is a byte in FOLDER/sent.

    python spends_quota.py FOLDER LIMIT [--forgetful]

Forgetful, it keeps its notes in memory only. Prints a line for each request.
"""

import asyncio
import os
import pathlib
import sys
import time

from trading_dashboard.agents.market_data.choosing.answers import QuotaExhausted
from trading_dashboard.agents.market_data.choosing.policy import Limits
from trading_dashboard.agents.market_data.choosing.quota import DailyQuota

folder = pathlib.Path(sys.argv[1])


class Notes:
    """One file for all."""

    def note(self, key: str) -> str | None:
        path = folder / "note"
        return path.read_text() if path.exists() and "--forgetful" not in sys.argv else None

    def write_note(self, key: str, text: str) -> None:
        part = folder / "note.part"
        part.write_text(text)
        part.replace(folder / "note")


async def main() -> None:
    limits = Limits(requests_per_day=int(sys.argv[2]))
    quota = DailyQuota("puppet", limits, Notes(), lambda: time.time_ns() // 1000)
    await quota.load()
    with (folder / "sent").open("ab", buffering=0) as sent:
        while True:
            try:
                await quota.take()
            except QuotaExhausted:
                return
            sent.write(b".")
            quota.answered()
            os.write(1, b"sent\n")
            await asyncio.sleep(0.002)


asyncio.run(main())
