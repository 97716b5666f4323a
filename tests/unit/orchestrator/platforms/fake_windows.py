"""A Windows small enough for tests: libraries called as ctypes calls them, and a `Popen`."""

# ruff: noqa: N802 - the names are Windows'
from __future__ import annotations

import ctypes
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from trading_dashboard.orchestrator.processes.platforms.kernel32 import (
    ACCESS_DENIED,
    KILL_ON_JOB_CLOSE,
    MORE_DATA,
    SIZE,
    WAIT_TIMEOUT,
    ExtendedLimits,
    Kernel32,
    ProcessIds,
)

FIRST_PID = 1000
DENIED = ACCESS_DENIED


class FakeFunction:
    """What ctypes makes of a function: it can be called, and told its types."""

    restype: Any = None
    argtypes: Any = None

    def __init__(self, act: Callable[..., Any]) -> None:
        self._act = act

    def __call__(self, *arguments: Any) -> Any:
        assert self.argtypes is not None, "called before its types were told"
        assert len(arguments) == len(self.argtypes)
        return self._act(*arguments)


class FakeProcess:
    """A process of this Windows; also what `Popen` returns for it."""

    def __init__(self, pid: int, windows: FakeWindows, options: dict[str, Any]) -> None:
        self.pid = pid
        self.options = options
        self.is_suspended = bool(options.get("creationflags", 0) & 0x4)
        self.job: int | None = None
        self.ended = threading.Event()
        self._windows = windows

    def end(self) -> None:
        self.ended.set()

    def poll(self) -> int | None:
        return 1 if self.ended.is_set() else None

    def wait(self, timeout: float | None = None) -> int:
        if not self.ended.wait(10 if timeout is None else timeout):
            raise subprocess.TimeoutExpired("fake", timeout or 10)
        return 1

    def kill(self) -> None:
        self._windows.calls.append(f"kill {self.pid}")
        self.end()


@dataclass
class FakeWindows:
    """Jobs, processes, handles, and every call in order.

    `refuse` names the functions that fail, each with its error number.
    """

    refuse: dict[str, int] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    processes: dict[int, FakeProcess] = field(default_factory=dict)
    open: dict[int, str] = field(default_factory=dict)
    """Open handles and what they are for."""
    error: int = 0
    _numbers: int = 0

    def kernel(self) -> Kernel32:
        names = [name for name in dir(self) if name[0].isupper()]
        functions = {name: FakeFunction(getattr(self, name)) for name in names}
        library = type("Library", (), functions)
        return Kernel32(library, library, lambda: self.error)

    def popen(self, _command: Any, **options: Any) -> Any:
        self.calls.append("Popen")
        if "Popen" in self.refuse:
            raise FileNotFoundError("no such program")
        return self.add(options)

    def add(self, options: dict[str, Any] | None = None, job: int | None = None) -> FakeProcess:
        process = FakeProcess(FIRST_PID + len(self.processes), self, options or {})
        process.job = job
        self.processes[process.pid] = process
        return process

    def named(self, handle: int) -> str:
        assert handle in self.open, "a handle that is not open was used"
        return self.open[handle]

    # What kernel32 and ntdll do.

    def CreateJobObjectW(self, _attributes: None, name: None) -> int:
        assert name is None
        return self._handle("job") if self._may("CreateJobObjectW") else 0

    def SetInformationJobObject(self, job: int, kind: int, limits: Any, size: int) -> int:
        assert kind == 9
        assert size == ctypes.sizeof(ExtendedLimits)
        assert limits._obj.basic.flags == KILL_ON_JOB_CLOSE
        return int(self.named(job) == "job" and self._may("SetInformationJobObject"))

    def AssignProcessToJobObject(self, job: int, process: int) -> int:
        if not self._may("AssignProcessToJobObject"):
            return 0
        found = self._process(process)
        assert found.is_suspended, "it may have started others before it was in the job"
        found.job = job
        return 1

    def NtResumeProcess(self, process: int) -> int:
        if not self._may("NtResumeProcess"):
            return -1
        self._process(process).is_suspended = False
        return 0

    def QueryInformationJobObject(
        self, job: int, kind: int, buffer: Any, size: int, _returned: None
    ) -> int:
        assert kind == 3
        if not self._may("QueryInformationJobObject", is_told=False):
            return 0
        ids = [p.pid for p in self.processes.values() if p.job == job and p.poll() is None]
        room = (size - ctypes.sizeof(ProcessIds)) // ctypes.sizeof(SIZE)
        head = ProcessIds.from_buffer(buffer._obj)
        head.assigned, head.listed = len(ids), min(len(ids), room)
        listed = (SIZE * head.listed).from_buffer(buffer._obj, ctypes.sizeof(ProcessIds))
        listed[:] = ids[:room]
        self.error = MORE_DATA
        return int(len(ids) <= room)

    def TerminateJobObject(self, job: int, _code: int) -> int:
        if not self._may("TerminateJobObject"):
            return 0
        self._end_job(job)
        return 1

    def OpenProcess(self, rights: int, inherit: int, pid: int) -> int:
        assert rights
        assert not inherit
        found = self.processes.get(pid)
        if found is None or not self._may("OpenProcess"):
            self.error = self.refuse.get("OpenProcess", 87)
            return 0
        return self._handle(f"process {pid}")

    def TerminateProcess(self, process: int, _code: int) -> int:
        if not self._may("TerminateProcess"):
            return 0
        self._process(process).end()
        return 1

    def WaitForSingleObject(self, process: int, milliseconds: int) -> int:
        assert milliseconds == 0
        return 0 if self._process(process).ended.is_set() else WAIT_TIMEOUT

    def GenerateConsoleCtrlEvent(self, event: int, group: int) -> int:
        assert event == 1, "CTRL_C is ignored by a new process group"
        assert group != 0, "0 would be everybody on the console, the supervisor included"
        return int(self._may("GenerateConsoleCtrlEvent"))

    def CloseHandle(self, handle: int) -> int:
        kind = self.open.pop(handle, None)
        assert kind is not None, "closed twice"
        self.calls.append(f"CloseHandle {kind.split()[0]}")
        if kind == "job":
            self._end_job(handle)
        return 1

    def _may(self, name: str, *, is_told: bool = True) -> bool:
        if is_told:
            self.calls.append(name)
        self.error = self.refuse.get(name, 0)
        return name not in self.refuse

    def _handle(self, kind: str) -> int:
        self._numbers += 4
        self.open[self._numbers] = kind
        return self._numbers

    def _process(self, handle: int) -> FakeProcess:
        return self.processes[int(self.named(handle).split()[1])]

    def _end_job(self, job: int) -> None:
        for process in self.processes.values():
            if process.job == job:
                process.end()
