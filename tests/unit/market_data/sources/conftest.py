"""Sources over real sockets: a fake provider that is served, and the source that asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.providers.alpha_vantage import KEY as ALPHA_KEY
from tests.providers.alpha_vantage import AlphaVantageFake
from tests.providers.serving import FakeProvider
from tests.providers.twelve_data import KEY as TWELVE_KEY
from tests.providers.twelve_data import TwelveDataFake
from tests.unit.market_data.sources.user_folder import Folder
from trading_dashboard.agents.market_data.sources.contract import Source, SourceSettings
from trading_dashboard.agents.market_data.sources.registry import load_source

KEYS = {"alpha_vantage": ALPHA_KEY, "twelve_data": TWELVE_KEY}


def make(fake: FakeProvider, name: str, **options: str | float | bool) -> Source:
    """Return a source that asks the fake."""
    given = {"base_url": fake.url, "timeout_seconds": 5, **options}
    return load_source(name, SourceSettings(name=name, key=KEYS[name], options=given))


@pytest.fixture
async def alpha() -> AsyncIterator[AlphaVantageFake]:
    """Return Alpha Vantage, served."""
    fake = AlphaVantageFake()
    async with fake.served():
        yield fake


@pytest.fixture
async def twelve() -> AsyncIterator[TwelveDataFake]:
    """Return Twelve Data, served."""
    fake = TwelveDataFake()
    async with fake.served():
        yield fake


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return an empty folder."""
    return Folder(tmp_path)
