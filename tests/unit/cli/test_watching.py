"""What `status --watch` says when the supervisor is lost, silent or back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trading_dashboard.cli import watching
from trading_dashboard.cli.watching import BACK, ENDED, SILENT, JsonView, LinesView
from trading_dashboard.models.control import (
    HeartbeatMessage,
    SnapshotMessage,
    StreamMessage,
    SupervisorInfo,
)


def snapshot(run_id: str) -> SnapshotMessage:
    supervisor = SupervisorInfo(
        run_id=run_id, pid=1, version="0", environment="development", project_root="/x",
        started_at=datetime.now(UTC), state="running",
    )  # fmt: skip
    return SnapshotMessage(seq=1, supervisor=supervisor, agents={})


def test_each_loss_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    view = LinesView()
    for run_id in ("a", "a", "b"):
        view.show(snapshot(run_id))
        view.lost(SILENT)
        view.lost(SILENT)
        view.lost(ENDED)
    said = capsys.readouterr().out
    assert said.count(SILENT) == said.count(ENDED) == 3
    assert said.count(BACK) == 1
    assert said.count("Supervisor running") == 2


def test_heartbeats_are_not_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    view = JsonView()
    view.show(HeartbeatMessage())
    view.lost(ENDED)
    view.show(snapshot("a"))
    assert json.loads(capsys.readouterr().out)["type"] == "snapshot"


def test_without_a_lease_it_has_ended(tmp_path: Path) -> None:
    assert watching._why_lost(tmp_path) == ENDED


async def test_silence_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SILENCE_SECONDS", 0.05)

    async def one_and_then_nothing() -> AsyncIterator[StreamMessage]:
        yield HeartbeatMessage()
        await asyncio.Event().wait()

    messages = watching._until_silent(one_and_then_nothing())
    assert isinstance(await anext(messages), HeartbeatMessage)
    with pytest.raises(TimeoutError):
        await anext(messages)
