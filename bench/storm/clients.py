"""Clients of the control API: bare HTTP, and the command line. Each answer is judged."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import dataclass
from typing import Any

import httpx

from bench.storm.invariants import Answer, Findings, bad_answer
from bench.storm.project import ROOT, Project

SLACK_SECONDS = 5.0
"""Beyond the wait a request asks for; the machine is shared."""
HARD_SECONDS = 30.0
COMMAND_SECONDS = 60.0
ANSWERED = "every request answered in time, errors in one shape"
COMMANDS = "every command ends with a documented exit code"


@dataclass
class Absences:
    """When the supervisor was away: from its end, or its being stopped, until it serves again."""

    is_away: bool = True
    count: int = 0

    def begin(self) -> None:
        """It is away from now on."""
        self.is_away = True
        self.count += 1

    def end(self) -> None:
        """It serves again."""
        self.is_away = False
        self.count += 1


class Clients:
    """All clients of one project."""

    def __init__(self, project: Project, findings: Findings, absences: Absences) -> None:
        self._project = project
        self._findings = findings
        self._absences = absences
        self._http = httpx.AsyncClient(trust_env=False, timeout=HARD_SECONDS)

    async def request(
        self, method: str, path: str, body: Any = None, wait_seconds: float = 0.0, **options: Any
    ) -> httpx.Response | None:
        """Send a request and judge the answer, unless the supervisor was away meanwhile."""
        absences, control = self._absences.count, self._project.control
        if control is None or self._absences.is_away:
            return None
        url, token = control
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        began, response, trouble = time.monotonic(), None, ""
        try:
            response = await self._http.request(
                method, url + path, json=body, headers=headers, **options
            )
        except httpx.HTTPError as error:
            trouble = repr(error)
        if self._absences.count != absences:
            return None
        answer = Answer(
            request=f"{method} {path} {body or ''}",
            status=response.status_code if response is not None else None,
            body=response.content if response is not None else trouble.encode(),
            seconds=time.monotonic() - began,
            deadline=wait_seconds + SLACK_SECONDS,
        )
        self._findings.note(ANSWERED, bad_answer(answer))
        return response

    async def verb(self, agent: str, verb: str, wait_seconds: float) -> None:
        """Start, stop or restart an agent."""
        body: dict[str, Any] = {"wait_seconds": wait_seconds}
        await self.request("POST", f"/v1/agents/{agent}/{verb}", body, wait_seconds)

    async def all(self, verb: str, wait_seconds: float) -> None:
        """`start-all` or `stop-all`."""
        await self.request("POST", f"/v1/{verb}", {"wait_seconds": wait_seconds}, wait_seconds)

    async def command(self, *arguments: str) -> None:
        """Run a command of the command line."""
        absences = self._absences.count
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "trading_dashboard.cli", *arguments),
            *("--project-root", str(self._project.root)),
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                output, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            output = b"(never ended)"
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if self._absences.count != absences and process.returncode in {0, 1, 3}:
            return
        is_known = process.returncode in {0, 1} and b"Traceback" not in output
        told = f"{' '.join(arguments)} ended with {process.returncode}: {output[-300:].decode()}"
        self._findings.note(COMMANDS, [] if is_known else [told])

    async def aclose(self) -> None:
        """Close connections."""
        await self._http.aclose()
