"""Memory that is not needed any more, in a process of its own: what the C library keeps is its."""

from __future__ import annotations

import subprocess
import sys

import pytest

from trading_dashboard.agents.kit.memory import ARENAS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="glibc's heaps")

_HELD_BY_THREADS = """
import ctypes, sys, threading
from trading_dashboard.agents.kit.memory import bound_arenas

if sys.argv[1] == "bound":
    bound_arenas()
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
begun, ended = threading.Barrier(9), threading.Barrier(9)

def work():
    library.malloc(1000)
    begun.wait()  # all at once, so that none takes over another's heap
    ended.wait()

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
begun.wait()
library.fdopen.restype = ctypes.c_void_p
library.malloc_info(0, ctypes.c_void_p(library.fdopen(1, b"w")))
library.fflush(None)
ended.wait()
"""
_GIVEN_BACK = """
import ctypes
from trading_dashboard.agents.kit.memory import give_back

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
pieces = [library.malloc(10_000) for _ in range(4_000)]
for piece in pieces:
    ctypes.memset(ctypes.c_void_p(piece), 1, 10_000)
last = library.malloc(100)  # keeps the heap's end where it is
for piece in pieces:
    library.free(ctypes.c_void_p(piece))
kept = resident()
give_back()
print(kept - resident())
"""


def run(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout


def test_threads_share_heaps() -> None:
    assert run(_HELD_BY_THREADS, "bound").count("<heap nr=") == ARENAS
    # The control arm: eight threads and the first one have a heap each, or one for eight.
    assert run(_HELD_BY_THREADS, "free").count("<heap nr=") >= 8


def test_free_memory_goes_back_to_the_system() -> None:
    assert int(run(_GIVEN_BACK)) > 30_000_000
