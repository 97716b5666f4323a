"""The supervisors that are compared, each started the way its documentation says.

Owns installing them below a temporary folder, writing their configuration and starting them. What
is measured is `bench.supervisors`'s.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent.parent
INSTALL_SECONDS = 60
HEALTHY_SECONDS = 60


class TooLong(Exception):
    """What was waited for did not happen in time."""


class NotInstalled(Exception):
    """This machine cannot have this contender, and why."""


@dataclass(frozen=True)
class Agent:
    """One agent to be supervised."""

    name: str
    port: int
    command: tuple[str, ...]


class Contender(ABC):
    """One supervisor. An instance is used for one start."""

    name = ""
    version = ""

    def __init__(self, folder: Path, tools: Path, env: dict[str, str]) -> None:
        """Take an empty folder of its own, the folder of installed tools, and the environment."""
        self.folder = folder
        self.tools = tools
        self.env = env
        self.process: subprocess.Popen[str] | None = None

    @classmethod
    @abstractmethod
    def install(cls, tools: Path) -> None:
        """Install it below `tools`, and set `version`.

        Raises:
            NotInstalled: With the reason.
        """

    @abstractmethod
    def start(self, agents: list[Agent]) -> None:
        """Start it with these agents; do not wait for them."""

    def processes(self) -> list[psutil.Process]:
        """Return the supervisor itself, first, and what helps it; not the agents."""
        assert self.process is not None
        return [psutil.Process(self.process.pid)]

    def spawn(self, command: list[str], cwd: Path | None = None) -> None:
        """Start the supervisor's process, its output to a file beside its configuration."""
        with (self.folder / "output").open("w") as output:
            self.process = subprocess.Popen(
                command,
                cwd=cwd or self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )


class Ours(Contender):
    """This project: AgentManager with LocalRuntime, as a library."""

    name = "this project"
    interval = 1.0
    flags: tuple[str, ...] = ()

    @classmethod
    def install(cls, tools: Path) -> None:
        """It is here already."""

    def start(self, agents: list[Agent]) -> None:
        """Write a project and supervise it."""
        configuration = {
            agent.name: {
                "url": f"http://127.0.0.1:{agent.port}",
                "start_command": list(agent.command),
                "health_check_interval": self.interval,
                "timeout": 1,
                "failure_threshold": 2,
                "stop_timeout": 1,
            }
            for agent in agents
        }
        (self.folder / "config" / "environments").mkdir(parents=True)
        (self.folder / "config" / "agents.yaml").write_text(json.dumps({"agents": configuration}))
        (self.folder / "config" / "environments" / "development.yaml").write_text("agents: {}\n")
        command = [sys.executable, "-m", "bench.contest.ours", str(self.folder), *self.flags]
        self.spawn(command, cwd=ROOT)

    def wait_until_healthy(self, count: int) -> float:
        """Return when it had found that many agents healthy; the others do not look.

        Raises:
            TooLong: It did not say so.
        """
        for _ in range(HEALTHY_SECONDS * 100):
            if f"{count} healthy" in (self.folder / "output").read_text():
                return time.perf_counter()
            time.sleep(0.01)
        raise TooLong

    def processes(self) -> list[psutil.Process]:
        """Return the supervisor and its guardian."""
        own = super().processes()[0]
        helpers = [child for child in own.children() if "guardian.py" in " ".join(child.cmdline())]
        return [own, *helpers]


class Supervisord(Contender):
    """supervisord, from PyPI."""

    name = "supervisord"

    @classmethod
    def install(cls, tools: Path) -> None:
        """Install it into a virtual environment."""
        cls.version = install_from_pypi(tools / "supervisord", "supervisor")

    def start(self, agents: list[Agent]) -> None:
        """Write supervisord.conf and run it in the foreground."""
        lines = [
            "[supervisord]",
            "nodaemon=true",
            f"logfile={self.folder}/supervisord.log",
            f"pidfile={self.folder}/supervisord.pid",
            f"childlogdir={self.folder}",
            "minfds=8192",
        ]
        for agent in agents:
            lines += [f"[program:{agent.name}]", f"command={' '.join(agent.command)}"]
            lines += ["autostart=true", "autorestart=true"]
        configuration = self.folder / "supervisord.conf"
        configuration.write_text("\n".join(lines) + "\n")
        program = self.tools / "supervisord" / "bin" / "supervisord"
        self.spawn([str(program), "-c", str(configuration)])


class Circus(Contender):
    """circusd, from PyPI."""

    name = "circus"

    @classmethod
    def install(cls, tools: Path) -> None:
        """Install it into a virtual environment."""
        cls.version = install_from_pypi(tools / "circus", "circus")

    def start(self, agents: list[Agent]) -> None:
        """Write circus.ini, its sockets local to the folder, and run it in the foreground."""
        lines = [
            "[circus]",
            f"endpoint=ipc://{self.folder}/endpoint",
            f"pubsub_endpoint=ipc://{self.folder}/pubsub",
            "statsd=false",
        ]
        for agent in agents:
            lines += [f"[watcher:{agent.name}]", f"cmd={agent.command[0]}"]
            lines += [f"args={' '.join(agent.command[1:])}", "numprocesses=1", "copy_env=true"]
        configuration = self.folder / "circus.ini"
        configuration.write_text("\n".join(lines) + "\n")
        self.spawn([str(self.tools / "circus" / "bin" / "circusd"), str(configuration)])


class Pm2(Contender):
    """PM2, from npm."""

    name = "PM2"

    @classmethod
    def install(cls, tools: Path) -> None:
        """Install it below `tools`."""
        npm = shutil.which("npm")
        if npm is None:
            raise NotInstalled("there is no npm on this machine")
        folder = tools / "pm2"
        folder.mkdir()
        run([npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), "pm2"])
        package = folder / "node_modules" / "pm2" / "package.json"
        cls.version = str(json.loads(package.read_text())["version"])

    def start(self, agents: list[Agent]) -> None:
        """Write an ecosystem file; PM2's command starts its daemon, which starts the agents."""
        self.env = {**self.env, "PM2_HOME": str(self.folder / "home"), "PM2_DISCRETE_MODE": "true"}
        apps = [
            {
                "name": agent.name,
                "script": agent.command[0],
                "args": list(agent.command[1:]),
                "interpreter": "none",
                "exec_mode": "fork",
                "autorestart": True,
            }
            for agent in agents
        ]
        configuration = self.folder / "ecosystem.config.json"
        configuration.write_text(json.dumps({"apps": apps}))
        program = self.tools / "pm2" / "node_modules" / ".bin" / "pm2"
        self.spawn([str(program), "start", str(configuration)])

    def processes(self) -> list[psutil.Process]:
        """Return the daemon, which is not the command that was run."""
        return [psutil.Process(int((self.folder / "home" / "pm2.pid").read_text()))]


CONTENDERS: tuple[type[Contender], ...] = (Ours, Supervisord, Circus, Pm2)


def install_from_pypi(folder: Path, package: str) -> str:
    """Install a package into a new virtual environment; return its version."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    python = str(folder / "bin" / "python")
    if uv is not None:
        run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)])
        run([uv, "pip", "install", "--quiet", "--python", python, package, "setuptools<81"])
    else:
        run([sys.executable, "-m", "venv", str(folder)])
        run([python, "-m", "pip", "install", "--quiet", package, "setuptools<81"])
    ask = f"import importlib.metadata as m; print(m.version('{package}'))"
    return run([python, "-c", ask]).strip()


def run(command: list[str]) -> str:
    """Run a command to its end and return its output.

    Raises:
        NotInstalled: It failed or took too long.
    """
    try:
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS
        )
    except subprocess.CalledProcessError as error:
        last = (error.stderr or error.stdout).strip().splitlines()[-1:]
        raise NotInstalled(f"{Path(command[0]).name}: {' '.join(last)[:120]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(str(error)[:120]) from error
    return done.stdout
