"""The puppet desk's memory: the events it told, and incidents and availability as a test sets them.

Speaks the control API's history routes. `fake_desk` serves it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.puppets.fake_market import error, stamp

FIGURES = {
    "wanted_seconds": 3600.0,
    "running_seconds": 3590.0,
    "available_seconds": 3580.0,
    "availability": 3580 / 3600,
}


class History:
    """What is remembered."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.events: list[dict[str, Any]] = []
        self.incidents: list[dict[str, Any]] = []
        self.totals: dict[str, dict[str, Any]] = {"market_data": FIGURES}
        self.is_down = False

    def record(self, event: dict[str, Any], agent: dict[str, Any] | None) -> None:
        if event["kind"] == "agent_changed":
            return
        after = {name: (agent or {}).get(name) for name in ("status", "health", "data_state")}
        item = {"id": len(self.events) + 1, "run_id": self.run_id} | event | after
        self.events.append(item)

    def steer(self, wishes: dict[str, Any]) -> None:
        self.is_down = wishes.get("is_down", self.is_down)
        self.incidents = wishes.get("incidents", self.incidents)
        self.totals = wishes.get("totals", self.totals)
        if wishes.get("is_forgotten"):
            self.events.clear()
        for event in wishes.get("events", []):
            empty = {"run_id": self.run_id, "seq": 0, "agent": None, "data": {}, "status": None}
            empty |= {"health": None, "data_state": None, "id": len(self.events) + 1}
            self.events.append(empty | event)
        self.events.sort(key=lambda event: _moment(event["time"]))
        for number, event in enumerate(self.events):
            event["id"] = number + 1

    async def serve_events(self, request: Request) -> Response:
        query = request.query_params
        kinds, before = query.getlist("kind"), int(query.get("before", 2**62))
        found = [
            event
            for event in self.events
            if event["id"] < before
            and (not kinds or event["kind"] in kinds)
            and query.get("agent") in (None, event["agent"])
            and _moment(event["time"]) >= _moment(query.get("since", "2000-01-01T00:00:00Z"))
        ]
        limit = int(query.get("limit", 100))
        page = found[-limit:]
        more = page[0]["id"] if len(found) > limit else None
        return self._answer({"events": page, "next_before": more})

    async def serve_incidents(self, request: Request) -> Response:
        agent = request.query_params.get("agent")
        found = [item for item in self.incidents if agent in (None, item["agent"])]
        return self._answer({"incidents": found, "is_complete": True})

    async def serve_availability(self, _: Request) -> Response:
        today = datetime.now(UTC).date()
        days = [
            {
                "day": (today - timedelta(days=back)).isoformat(),
                "desk_seconds": 3600.0,
                "lost_events": 0,
                "agents": self.totals,
            }
            for back in range(6, -1, -1)
        ]
        return self._answer({"days": days, "total": self.totals})

    def _answer(self, body: dict[str, Any]) -> Response:
        if self.is_down:
            return error(503, "history_unavailable", "The history cannot be read.")
        return JSONResponse(body)


def incident(agent: str, minutes_ago: float, **changes: Any) -> dict[str, Any]:
    """Return an incident that began so long ago and was over after 12 s."""
    began = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return {
        "agent": agent, "run_id": "run-1", "kind": "failed", "cause": "killed by signal 9",
        "began_at": stamp(began), "ended_at": stamp(began + timedelta(seconds=12)),
        "duration_seconds": 12.0, "outcome": "recovered", "restarts": 1, "event_id": None,
    } | changes  # fmt: skip


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
