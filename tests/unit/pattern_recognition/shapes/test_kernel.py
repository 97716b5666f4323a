"""The compiled kernel: it is used where it can be, never where it is wrong, and stays in bounds.

That it says what the engine says is compared in `test_batch`, in all kinds of series. Here one
place of it after another is made wrong, to see that such a kernel is noticed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hatch_build import FLAGS, KERNEL, find_compiler, kernel_library
from tests.planted_patterns import DRAWINGS, plant
from tests.support import ROOT
from tests.unit.pattern_recognition.shapes.series import changed, walk
from trading_dashboard.agents.pattern_recognition.shapes import batch, detect
from trading_dashboard.agents.pattern_recognition.shapes.catalogue import SHAPE_IDS
from trading_dashboard.agents.pattern_recognition.shapes.detect import detect_shapes, search
from trading_dashboard.agents.pattern_recognition.shapes.kernel import library
from trading_dashboard.agents.pattern_recognition.shapes.kernel.library import (
    Kernel,
    KernelUnusable,
    library_path,
)
from trading_dashboard.agents.pattern_recognition.shapes.settings import ShapeSettings

SETTINGS = ShapeSettings()
COMPILER = find_compiler(os.environ)
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler on this machine")


def test_it_is_used_where_there_is_a_compiler() -> None:
    if COMPILER is not None:
        assert search().kernel is not None, f"{search()} Set up again: python -m bootstrap dev"
        assert str(search()) == "Whole series are searched by the compiled kernel."
    assert library_path() == kernel_library(ROOT / KERNEL)


@pytest.fixture
def kernel() -> Kernel:
    found = search().kernel
    if found is None:
        pytest.skip(str(search()))
    return found


@pytest.fixture
def chosen_anew() -> Iterator[None]:
    """Let the choice be made in this test, and again after it."""
    detect.search.cache_clear()
    yield
    detect.search.cache_clear()


@pytest.mark.usefixtures("chosen_anew")
@pytest.mark.parametrize(
    ("content", "note", "reason"),
    [
        (None, None, "there is no {name}: the package was built without a C compiler"),
        (None, "cc did not compile it: error 7", "cc did not compile it: error 7"),
        (b"no library", None, "{name} can not be loaded: "),
        (b"", None, "{name} can not be loaded: "),
    ],
)
def test_without_it_python_searches_and_says_why(
    content: bytes | None,
    note: str | None,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / library_path().name
    if content is not None:
        path.write_bytes(content)
    if note is not None:
        path.with_suffix(".log").write_text(note)
    monkeypatch.setattr(detect, "library_path", lambda: path)
    assert detect_shapes(walk(400, 1), SETTINGS) == batch.detect_shapes(walk(400, 1), SETTINGS)
    assert search().kernel is None
    assert reason.format(name=path.name) in str(search())
    assert "with the same results" in str(search())


def test_a_library_of_something_else_is_refused(tmp_path: Path) -> None:
    # Any library there is: it loads, but has not what is asked for.
    import _ctypes

    with pytest.raises(KernelUnusable, match="can not be loaded"):
        Kernel(Path(_ctypes.__file__))
    with pytest.raises(KernelUnusable, match="source is missing"):
        library_path(tmp_path)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kernel's files compiled one by one, without optimisation: for the sake of speed."""
    folder = tmp_path_factory.mktemp("kernel")
    shutil.copytree(ROOT / KERNEL / "source", folder, dirs_exist_ok=True)
    _compile(folder, "-c", *(source.name for source in folder.glob("*.c")))
    return folder


def _compile(folder: Path, *arguments: str) -> None:
    assert COMPILER is not None
    flags = [flag for flag in FLAGS if flag not in {"-O2", "-shared"}]
    subprocess.run([*COMPILER, *flags, *arguments], cwd=folder, check=True, timeout=60)


MUTANTS = {
    "ATR": ("columns.c", "(extent - atr) / ATR_BARS", "(extent - atr) / (ATR_BARS + 1)"),
    "line": ("numbers.c", "double middle = bars / count", "double middle = bars / count + 1e-9"),
    "turns": ("pivots.c", "zigzag->factor * atr && low", "1.01 * zigzag->factor * atr && low"),
    "tops": ("reversals.c", "if (apart > 1 ||", "if (apart > 0.9 ||"),
    "bowls": ("cups.c", "+ bend * bends[place]", "+ 1.001 * bend * bends[place]"),
    "names": ("ranges.c", "if (rise >= steep)", "if (rise > 1.2 * steep)"),
    "swings": ("flags.c", "side >= 0 && highest", "side > 0 && highest"),
    "gaps": ("gaps.c", "int64_t first = bar - whole", "int64_t first = bar - 1 - whole"),
    "life": ("life.c", "bar >= living->expires &&", "bar > living->expires &&"),
    "rivals": ("selection.c", "if (!yields_to(", "if (yields_to("),
    "order": ("selection.c", "return one->touches > other", "return one->touches < other"),
    "reading": ("detect.c", "living->has_ratio,", "!living->has_ratio,"),
}  # fmt: skip


@needs_compiler
@pytest.mark.parametrize("what", MUTANTS)
def test_a_kernel_wrong_at_one_place_is_noticed(what: str, objects: Path, tmp_path: Path) -> None:
    """Control arm of `test_batch`, and of the check that each process makes."""
    name, old, new = MUTANTS[what]
    right = (objects / name).read_text()
    assert old in right
    shutil.copy(objects / "kernel.h", tmp_path)
    (tmp_path / name).write_text(right.replace(old, new))
    others = [str(one) for one in objects.glob("*.o") if one.stem != Path(name).stem]
    _compile(tmp_path, "-shared", name, *others, "-o", "kernel.so", "-lm")
    wrong = Kernel(tmp_path / "kernel.so")
    series = [plant(pattern, 7, 0.01).bars for pattern in sorted(DRAWINGS)] + [walk(1500, 3)]
    assert not detect.agrees(wrong) or any(
        wrong.detect(bars, SETTINGS, SHAPE_IDS) != batch.detect_shapes(bars, SETTINGS)
        for bars in series
    )


@needs_compiler
def test_a_kernel_made_right_is_believed(objects: Path, tmp_path: Path) -> None:
    """Control arm of the control arms: in the same way, but unchanged."""
    _compile(
        objects, "-shared", *(one.name for one in objects.glob("*.o")), "-o", "right.so", "-lm"
    )
    assert detect.agrees(Kernel(objects / "right.so"))


@pytest.mark.usefixtures("chosen_anew")
def test_a_kernel_that_says_something_else_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kernel, "__init__", lambda *_: None)
    monkeypatch.setattr(Kernel, "detect", lambda *_: [])
    assert search().kernel is None
    assert "does not say of a sample what Python says of it" in str(search())
    assert detect_shapes(detect.sample(), SETTINGS)


def test_the_sample_tells_nearly_every_pattern(kernel: Kernel) -> None:
    eager = ShapeSettings.model_validate(detect._EAGER)
    found = batch.detect_shapes(detect.sample(), eager)
    assert len({one.pattern for one in found}) >= len(SHAPE_IDS) - 1
    assert len({one.state for one in found}) == 4


def test_what_there_is_no_room_for_is_asked_again(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = walk(900, 2)
    right = kernel.detect(bars, SETTINGS, SHAPE_IDS)
    assert right
    monkeypatch.setattr(library, "_AMPLY", 0)
    assert kernel.detect(bars, SETTINGS, SHAPE_IDS) == right


def test_settings_beyond_their_bounds_are_left_to_python(kernel: Kernel) -> None:
    for name, value in (
        ("range_max_pivots", 1_000_000),
        ("gap_bars", -5),
        ("flag_min_bars", float("nan")),
        ("pivot_scales", (2.0,) * 99),
        ("pivot_scales", ()),
    ):
        chosen = ShapeSettings.model_construct(**{name: value})  # type: ignore[arg-type]
        assert kernel.detect(walk(900, 2), chosen, SHAPE_IDS) is None


def test_columns_in_any_layout(kernel: Kernel) -> None:
    bars = walk(900, 2)
    table = np.stack([bars.open, bars.high, bars.low, bars.close, bars.volume], axis=1)
    table.flags.writeable = False
    names = ("open", "high", "low", "close", "volume")
    rows = changed(bars, **{name: table[:, place] for place, name in enumerate(names)})
    assert kernel.detect(rows, SETTINGS, SHAPE_IDS) == batch.detect_shapes(bars, SETTINGS)
    with pytest.raises(ValueError, match="one length"):
        kernel.detect(changed(bars, volume=bars.volume[1:]), SETTINGS, SHAPE_IDS)


def test_many_threads_at_once(kernel: Kernel) -> None:
    series = [walk(700, seed) for seed in range(4)]
    right = [kernel.detect(bars, SETTINGS, SHAPE_IDS) for bars in series]
    said: list[object] = []

    def ask() -> None:
        said.extend(
            [kernel.detect(bars, SETTINGS, SHAPE_IDS) for bars in series] == right
            for _ in range(10)
        )

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == [True] * 40
