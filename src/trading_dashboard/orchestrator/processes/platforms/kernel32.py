"""The calls into Windows that Python has no names for.

Owns the signatures, the structures and turning a failure into an `OSError` with Windows' own number
and words. What the calls are used for is written in `windows.py`. The library is passed in, so that
everything here runs in tests on other systems.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any

SIZE = ctypes.c_size_t
DWORD = ctypes.c_uint32  # ctypes.wintypes has another size on other systems
HANDLE = ctypes.c_void_p

EXTENDED_LIMITS = 9
BASIC_PROCESS_IDS = 3
KILL_ON_JOB_CLOSE = 0x2000
CTRL_BREAK = 1
MORE_DATA = 234
ACCESS_DENIED = 5
WAIT_TIMEOUT = 258

# What a leader's handle is for: waiting, ending, putting it into a job, letting it run.
LEADER_RIGHTS = 0x100000 | 0x0001 | 0x0100 | 0x0800 | 0x1000
# What a hold on any other process is for: waiting and ending.
HOLD_RIGHTS = 0x100000 | 0x0001 | 0x1000

FIRST_PROCESS_IDS = 64
MAX_PROCESS_IDS = 65_536


class BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = (
        ("per_process_user_time", ctypes.c_int64),
        ("per_job_user_time", ctypes.c_int64),
        ("flags", DWORD),
        ("minimum_working_set", SIZE),
        ("maximum_working_set", SIZE),
        ("active_process_limit", DWORD),
        ("affinity", SIZE),
        ("priority_class", DWORD),
        ("scheduling_class", DWORD),
    )


class ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = (
        ("basic", BasicLimits),
        ("io_counters", ctypes.c_uint64 * 6),
        ("process_memory_limit", SIZE),
        ("job_memory_limit", SIZE),
        ("peak_process_memory", SIZE),
        ("peak_job_memory", SIZE),
    )


class ProcessIds(ctypes.Structure):
    """The head of JOBOBJECT_BASIC_PROCESS_ID_LIST; the ids follow it."""

    _fields_ = (("assigned", DWORD), ("listed", DWORD))


def _signatures() -> dict[str, tuple[Any, ...]]:
    """Return result and arguments of each function of kernel32. Ours have no defaults."""
    pointer = ctypes.c_void_p
    boolean = ctypes.c_int
    return {
        "CreateJobObjectW": (HANDLE, pointer, pointer),
        "SetInformationJobObject": (boolean, HANDLE, ctypes.c_int, pointer, DWORD),
        "QueryInformationJobObject": (boolean, HANDLE, ctypes.c_int, pointer, DWORD, pointer),
        "AssignProcessToJobObject": (boolean, HANDLE, HANDLE),
        "TerminateJobObject": (boolean, HANDLE, ctypes.c_uint32),
        "OpenProcess": (HANDLE, DWORD, boolean, DWORD),
        "TerminateProcess": (boolean, HANDLE, ctypes.c_uint32),
        "WaitForSingleObject": (DWORD, HANDLE, DWORD),
        "GenerateConsoleCtrlEvent": (boolean, DWORD, DWORD),
        "CloseHandle": (boolean, HANDLE),
    }


class Kernel32:
    """Windows' calls as Python functions. A handle is an int; whoever opens one closes it."""

    def __init__(self, kernel32: Any, ntdll: Any, last_error: Callable[[], int]) -> None:
        """Take the libraries, and what returns why the last call on this thread failed."""
        self._kernel = kernel32
        self._ntdll = ntdll
        self._last_error = last_error
        for name, (result, *arguments) in _signatures().items():
            function = getattr(kernel32, name)
            function.restype, function.argtypes = result, arguments
        ntdll.NtResumeProcess.restype = ctypes.c_int32
        ntdll.NtResumeProcess.argtypes = [HANDLE]

    # Each raises OSError if Windows refuses.

    def create_job(self) -> int:
        """Return a new job whose processes end when its last handle is closed.

        No name, so nobody can open it; not inherited, so that no child keeps it open.
        """
        job = int(self._done("CreateJobObjectW", self._kernel.CreateJobObjectW(None, None)))
        limits = ExtendedLimits()
        limits.basic.flags = KILL_ON_JOB_CLOSE
        try:
            self._done(
                "SetInformationJobObject",
                self._kernel.SetInformationJobObject(
                    job, EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)
                ),
            )
        except OSError:
            self.close(job)
            raise
        return job

    def assign(self, job: int, process: int) -> None:
        """Put a process into a job; what it starts from now on is in it as well."""
        done = self._kernel.AssignProcessToJobObject(job, process)
        self._done("AssignProcessToJobObject", done)

    def process_ids(self, job: int) -> list[int]:
        """Return who is in the job and lives."""
        count = FIRST_PROCESS_IDS
        while True:
            buffer = ctypes.create_string_buffer(
                ctypes.sizeof(ProcessIds) + count * ctypes.sizeof(SIZE)
            )
            is_whole = self._kernel.QueryInformationJobObject(
                job, BASIC_PROCESS_IDS, ctypes.byref(buffer), len(buffer), None
            )
            head = ProcessIds.from_buffer(buffer)
            if is_whole:
                ids = (SIZE * head.listed).from_buffer(buffer, ctypes.sizeof(ProcessIds))
                return list(ids)
            if self._last_error() != MORE_DATA or count >= MAX_PROCESS_IDS:
                raise self._error("QueryInformationJobObject")
            # Somebody may be forking: with room to spare.
            count = min(max(2 * count, 2 * head.assigned), MAX_PROCESS_IDS)

    def terminate_job(self, job: int) -> None:
        """End everybody in the job at once."""
        self._done("TerminateJobObject", self._kernel.TerminateJobObject(job, 1))

    def open_process(self, pid: int, rights: int) -> int:
        """Return a handle; while it is open the number is nobody else's."""
        return int(self._done("OpenProcess", self._kernel.OpenProcess(rights, 0, pid)))

    def resume(self, process: int) -> None:
        """Let a process run that was created suspended."""
        # Documented for drivers only, but what everybody uses: `Popen` throws the handle of the
        # first thread away, and with it the only documented way.
        status = self._ntdll.NtResumeProcess(process)
        if status < 0:
            raise OSError(f"NtResumeProcess failed with status {status & 0xFFFFFFFF:#x}")

    def terminate_process(self, process: int) -> None:
        """End one process."""
        self._done("TerminateProcess", self._kernel.TerminateProcess(process, 1))

    def has_ended(self, process: int) -> bool:
        """Return whether the process has ended."""
        return bool(self._kernel.WaitForSingleObject(process, 0) != WAIT_TIMEOUT)

    def send_break(self, group: int) -> None:
        """Send CTRL_BREAK to a process group of our console."""
        # Not `os.kill`: where this fails it goes on and terminates the process (bpo-14484).
        done = self._kernel.GenerateConsoleCtrlEvent(CTRL_BREAK, group)
        self._done("GenerateConsoleCtrlEvent", done)

    def close(self, handle: int) -> None:
        """Close a handle."""
        self._done("CloseHandle", self._kernel.CloseHandle(handle))

    def _done(self, name: str, result: Any) -> Any:
        if not result:
            raise self._error(name)
        return result

    def _error(self, name: str) -> OSError:
        code = self._last_error()
        kind = PermissionError if code == ACCESS_DENIED else OSError
        return kind(f"{name} failed: {_words(code)}")


def _words(code: int) -> str:
    if sys.platform == "win32":
        return f"{ctypes.FormatError(code)} (Windows error {code})"
    else:  # noqa: RET505 - the type checker looks at one of the two
        return f"Windows error {code}"


def open_kernel32() -> Kernel32:
    """Return this system's.

    Raises:
        OSError: This is not Windows.
    """
    if sys.platform == "win32":
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        return Kernel32(kernel32, ctypes.WinDLL("ntdll"), ctypes.get_last_error)
    else:  # noqa: RET505 - the type checker looks at one of the two
        raise OSError(f"{sys.platform} has no kernel32.dll")
