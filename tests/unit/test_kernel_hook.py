"""The build hook compiles the kernel where there is a compiler, and says why where it can not."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

import hatch_build
from bootstrap import environment
from bootstrap.environment import Environment
from hatch_build import COMPILERS, KERNEL, compile_kernel, find_compiler

_COMPILER = """
import pathlib, sys, time
pathlib.Path({calls!r}).open("a").write("called\\n")
{body}
"""
_WRITES = "pathlib.Path(sys.argv[sys.argv.index('-o') + 1]).write_bytes(b'compiled')"


class Checkout:
    """A checkout with nothing but the kernel's source, and a compiler that does as it is told."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root / KERNEL
        self.calls = root / "calls"
        (self.folder / "source").mkdir(parents=True)
        self.source = self.folder / "source/kernel.c"
        self.source.write_text("int answer = 42;")

    def compile(self, body: str = _WRITES) -> Path | None:
        script = self.root / "compiler.py"
        script.write_text(_COMPILER.format(calls=str(self.calls), body=body))
        command = shlex.join([sys.executable, "-S", str(script)])
        return compile_kernel(self.root, {"CC": command, "PATH": ""})

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("kernel-*"))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_it_is_compiled_once_for_each_source(checkout: Checkout) -> None:
    first = checkout.compile()
    assert first is not None
    assert first.read_bytes() == b"compiled"
    assert checkout.compile() == first
    assert checkout.calls.read_text().count("called") == 1
    checkout.source.write_text("int answer = 43;")
    second = checkout.compile()
    assert second is not None
    assert second != first
    assert checkout.files() == [second.name], "nothing of an older source is left to be used"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit('kernel.c:1: error: no')", "did not compile it: kernel.c:1: error: no"),
        ("sys.exit(3)", "did not compile it: exit code 3"),
        ("pass", "did not compile it: exit code 0"),
        ("time.sleep(60)", "did not compile it: .* timed out"),
    ],
)
def test_a_compiler_that_fails_leaves_a_note(
    checkout: Checkout, body: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hatch_build, "COMPILE_SECONDS", 0.3 if "sleep" in body else 30)
    assert checkout.compile(body) is None
    (note,) = checkout.folder.glob("kernel-*")
    assert note.suffix == ".log"
    assert len(note.read_text().splitlines()) == 1
    assert re.search(f"{said}.*; once that is mended, delete {note.name}", note.read_text())
    monkeypatch.undo()
    assert checkout.compile() is not None
    assert [Path(name).suffix for name in checkout.files()] == [".so"]


def test_without_a_compiler_the_note_says_so(checkout: Checkout) -> None:
    assert compile_kernel(checkout.root, {"PATH": str(checkout.root)}) is None
    (note,) = checkout.folder.glob("kernel-*.log")
    assert note.read_text().startswith("the package was built without a C compiler: CC is not set")
    assert compile_kernel(checkout.root, {"CC": "no-such-compiler --fast"}) is None
    assert "no-such-compiler --fast did not compile it" in note.read_text()


def test_which_compiler(tmp_path: Path) -> None:
    path = {"PATH": str(tmp_path)}
    assert find_compiler(path) is None
    for name in reversed(COMPILERS):
        (tmp_path / name).touch(mode=0o755)
        assert find_compiler(path) == [name]
    assert find_compiler({**path, "CC": "zig cc"}) == ["zig", "cc"]


def test_a_set_up_checkout_is_brought_up_to_date(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Environment(checkout.root)
    here.directory.mkdir()
    monkeypatch.setattr(environment, "_has_compiler", lambda: False)

    def outdated() -> str | None:
        record = here._read_record()
        assert record is not None
        return here._outdated(record, "dev")

    here.finish("dev")
    assert outdated() is None
    monkeypatch.setattr(environment, "_has_compiler", lambda: True)
    assert outdated() == "there is a C compiler now"
    library = checkout.compile()
    assert library is not None
    here.finish("dev")
    assert outdated() is None
    checkout.source.write_text("int answer = 44;")
    assert outdated() == "the kernel's source changed"
    # The note of a failure may be deleted to try again, as the library may.
    for body in ("sys.exit(1)", _WRITES):
        checkout.compile(body)
        here.finish("dev")
        assert outdated() is None
        (left,) = checkout.folder.glob("kernel-*")
        left.unlink()
        assert outdated() == f"the compiled kernel in {KERNEL} is missing"
