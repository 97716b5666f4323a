"""Records chunk after chunk into the folder named, and says which are on disk; never ends."""

import sys
from pathlib import Path

import numpy as np

from trading_dashboard.agents.market_data.recording.files import Head, Writer
from trading_dashboard.agents.market_data.recording.heard import Heard
from trading_dashboard.agents.market_data.records import Ticks

folder = Path(sys.argv[1])
head = Head(
    name=folder.name, source="s", symbols=(), began=0, made_at="2026-01-01T00:00:00+00:00",
    calendar="24/7", time_zone="UTC",
)  # fmt: skip
writer = Writer(folder, head)
number = 0
while True:
    number += 1
    ticks = Ticks(
        source="s",
        symbols=("A",),
        symbol=np.zeros(1000, dtype=np.int32),
        at=np.full(1000, number, dtype=np.int64),
        price=np.random.default_rng(number).random(1000),
        size=np.ones(1000),
        received=np.full(1000, number, dtype=np.int64),
    )
    writer.add([Heard(number, ticks)])
    print(number, flush=True)
