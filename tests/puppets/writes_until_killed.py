"""Writes to an archive for ever, telling each writing that was acknowledged on standard output.

    writes_until_killed.py ARCHIVE [early]

Writing N puts fifty bars and the note ``last`` = N, at once. With ``early`` it tells N before it is
written: the control arm, which must be seen to lose what it told. Parts are sorted all the time.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from tests.unit.market_data.store.conftest import DAY, bars
from trading_dashboard.agents.market_data.store.archive import DuckArchive
from trading_dashboard.agents.market_data.store.contract import Writing


def main() -> None:
    is_early = sys.argv[2:] == ["early"]
    archive = DuckArchive(Path(sys.argv[1]), compact_rows=500)

    def maintain() -> None:
        while True:
            archive.maintain()
            time.sleep(0.01)

    number = int(archive.note("last") or 0)
    threading.Thread(target=maintain, daemon=True).start()
    while True:
        number += 1
        if is_early:
            os.write(1, f"{number}\n".encode())
        batch = bars("S", number * 50 * DAY, 50, close=number)
        archive.write(Writing(bars=[batch], notes={"last": str(number)}))
        if not is_early:
            os.write(1, f"{number}\n".encode())


if __name__ == "__main__":
    main()
