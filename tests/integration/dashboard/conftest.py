"""One running dashboard for the whole folder; tests leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.dashboard_desk import DashboardDesk, any_port, running_desk


@pytest.fixture(scope="package")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardDesk]:
    """Return a dashboard in front of a puppet desk."""
    state: Path = tmp_path_factory.mktemp("desk") / "var"
    with running_desk(state, any_port()) as running:
        yield running


@pytest.fixture
def visitor(desk: DashboardDesk) -> Iterator[httpx.Client]:
    """Return a client that is not logged in."""
    with httpx.Client(base_url=desk.url, trust_env=False, timeout=20) as client:
        yield client


@pytest.fixture
def person(desk: DashboardDesk, visitor: httpx.Client) -> httpx.Client:
    """Return a client that is logged in."""
    assert visitor.get(desk.login_url()).status_code == 303
    return visitor


@pytest.fixture
def csrf(person: httpx.Client) -> dict[str, str]:
    """Return the header that a changing request needs."""
    return {"x-csrf-token": person.get("/api/session").json()["csrf"]}
