"""Figures of an agent for Prometheus.

Owns counting requests and the registry of one agent. Counting is plain integers in the event
loop's thread, no locks; the Prometheus library is imported when `/metrics` is first asked for.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

Kind = Literal["counter", "gauge"]

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

UNMATCHED = "(none)"
"""The route label of requests that no route answers; their paths are not labels, being endless."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "(other)"
"""The label of methods that HTTP does not name; clients may make up as many as they like."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number read when it is asked for."""

    name: str
    help: str
    kind: Kind
    read: Callable[[], float]


class AgentMetrics:
    """The metrics of one agent. Add `Figure`s, or register collectors with `registry`."""

    def __init__(self, agent: str, version: str) -> None:
        self._agent = agent
        self._version = version
        self._figures: dict[str, Figure] = {}
        self._requests: dict[tuple[str, str, int], int] = {}
        self._latency: dict[str, list[int]] = {}
        self._latency_sum: dict[str, float] = {}
        self._registry: CollectorRegistry | None = None

    def add(self, name: str, help_text: str, kind: Kind, read: Callable[[], float]) -> None:
        """Add a figure; a counter's name ends in ``_total``."""
        self._figures[name] = Figure(name, help_text, kind, read)

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = (method, route, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        buckets = self._latency.setdefault(route, [0] * (len(LATENCY_BUCKETS) + 1))
        buckets[bisect_left(LATENCY_BUCKETS, seconds)] += 1
        self._latency_sum[route] = self._latency_sum.get(route, 0.0) + seconds

    @property
    def registry(self) -> CollectorRegistry:
        """Return this agent's registry, for collectors of `prometheus_client`."""
        if self._registry is None:
            from prometheus_client import CollectorRegistry, ProcessCollector

            self._registry = CollectorRegistry()
            self._registry.register(self)
            ProcessCollector(registry=self._registry)
        return self._registry

    def collect(self) -> Iterator[Metric]:
        """Yield everything counted here; called by the registry."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        info = GaugeMetricFamily("agent_info", "Which agent this is.", labels=["agent", "version"])
        info.add_metric([self._agent, self._version], 1)
        yield info
        requests = CounterMetricFamily(
            "agent_requests_total", "HTTP requests answered.", labels=["method", "route", "status"]
        )
        for (method, route, status), count in self._requests.items():
            requests.add_metric([method, route, str(status)], count)
        yield requests
        yield self._latencies()
        families: dict[str, Any] = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}
        for figure in self._figures.values():
            yield families[figure.kind](figure.name, figure.help, value=figure.read())

    def render(self) -> tuple[bytes, str]:
        """Return the exposition text and its content type."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def _latencies(self) -> Metric:
        from prometheus_client.core import HistogramMetricFamily

        family = HistogramMetricFamily(
            "agent_request_seconds", "Time to answer an HTTP request.", labels=["route"]
        )
        for route, counts in self._latency.items():
            running = 0
            buckets = []
            for bound, count in zip((*LATENCY_BUCKETS, "+Inf"), counts, strict=True):
                running += count
                buckets.append((str(bound), running))
            family.add_metric([route], buckets, self._latency_sum[route])
        return family


class RequestMeter:
    """ASGI middleware that counts requests; `/health` is left out, it must cost nothing."""

    def __init__(self, app: Any, metrics: AgentMetrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass on and count."""
        if scope["type"] != "http" or scope["path"] == "/health":
            await self.app(scope, receive, send)
            return
        status = 500
        began = time.perf_counter()

        async def note_status(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, note_status)
        finally:
            # As in the OpenAPI document: `/price/{symbol}`, whatever a symbol may contain.
            route = getattr(scope.get("route"), "path_format", UNMATCHED)
            seconds = time.perf_counter() - began
            method = scope["method"] if scope["method"] in METHODS else OTHER_METHOD
            self.metrics.count_request(method, route, status, seconds)
