"""Writes to an archive until there is no more room, then goes on when there is again.

    fills_its_disk.py ARCHIVE

Room is the size a file may have, which is raised when the first writing was refused. Prints as JSON
how many writings were acknowledged, the refusal, and what was read of them at each stage.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from pathlib import Path

import numpy as np

from tests.unit.market_data.store.conftest import DAY, bars
from trading_dashboard.agents.market_data.errors import StoreUnusable
from trading_dashboard.agents.market_data.records import Bars
from trading_dashboard.agents.market_data.store.archive import DuckArchive
from trading_dashboard.agents.market_data.store.contract import Writing

ROWS = 20_000


def main() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    archive = DuckArchive(Path(sys.argv[1]), compact_rows=50_000)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6 * 2**20, hard))
    acknowledged = 0
    refused: list[str] = []
    for number in range(200):
        try:
            archive.write(Writing(bars=[noise(number)]))
            acknowledged += 1
            archive.maintain()
        except StoreUnusable as error:
            refused.append(str(error))
            if len(refused) == 3:
                break
    before = count(archive)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    archive.write(Writing(bars=[noise(500)]))
    archive.maintain()
    after = count(archive)
    archive.close()
    print(json.dumps([acknowledged, refused, before, after]))


def noise(number: int) -> Bars:
    """Return bars that do not compress."""
    made = bars("S", number * ROWS * DAY, ROWS)
    made.volume[:] = np.random.default_rng(number).random(ROWS)
    return made


def count(archive: DuckArchive) -> int:
    return sum(info.rows for info in archive.series()) // ROWS


if __name__ == "__main__":
    main()
