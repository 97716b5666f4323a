"""Which sources there are, users' own among them, and what is said of those that cannot be made."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.support import ROOT
from trading_dashboard.agents.market_data.sources import registry
from trading_dashboard.agents.market_data.sources.contract import (
    ENTRY_POINTS,
    SourceMisconfigured,
    SourceMissing,
    SourceSettings,
)
from trading_dashboard.agents.market_data.sources.registry import (
    BuiltIn,
    factories,
    install_line,
    load_source,
)

DOCUMENT = (ROOT / "docs" / "market-data" / "sources.md").read_text("utf-8")
HALF_A_SOURCE = """
from trading_dashboard.agents.market_data.sources.contract import Capabilities

class Half:
    name = "mine"
    capabilities = Capabilities(asset_classes=frozenset(), intervals=(), live="none")

def make(settings):
    return Half()
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder on the path in which `install` puts packages; they are forgotten after."""
    monkeypatch.syspath_prepend(str(tmp_path))
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        del sys.modules[name]


def install(folder: Path, entries: dict[str, str], modules: dict[str, str]) -> None:
    information = folder / "own_sources-1.0.dist-info"
    information.mkdir(exist_ok=True)
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: own-sources\nVersion: 1.0\n"
    )
    lines = "".join(f"{name} = {value}\n" for name, value in entries.items())
    (information / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\n{lines}")
    for name, content in modules.items():
        (folder / f"{name}.py").write_text(content)


def test_the_built_in_ones_are_there_and_nothing_is_imported() -> None:
    code = (
        "import sys\n"
        "from trading_dashboard.agents.market_data.sources.registry import factories\n"
        "print(sorted(factories()))\n"
        "print([name for name in ('yfinance', 'ccxt', 'pandas', 'httpx', 'pyarrow')"
        " if name in sys.modules])\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout.splitlines()
    assert output[0] == str(["alpha_vantage", "ccxt", "file", "twelve_data", "yahoo"])
    assert output[1] == "[]"


def test_every_source_is_in_the_document() -> None:
    for name in factories():
        assert f"| `{name}" in DOCUMENT


def test_the_example_of_the_document_is_a_source(installed: Path) -> None:
    project, code = re.findall(r"```(?:toml|python)\n(.*?)```", DOCUMENT, re.DOTALL)[:2]
    line = re.search(r'^(\w+) = "([\w.]+:\w+)"$', project, re.MULTILINE)
    assert line is not None
    assert f'[project.entry-points."{ENTRY_POINTS}"]' in project
    install(installed, {line[1]: line[2]}, {line[2].partition(":")[0]: code})
    assert line[1] in factories()
    source = load_source(line[1])
    assert source.name == line[1]


async def test_the_example_answers(installed: Path) -> None:
    project, code = re.findall(r"```(?:toml|python)\n(.*?)```", DOCUMENT, re.DOTALL)[:2]
    line = re.search(r'^(\w+) = "([\w.]+):\w+"$', project, re.MULTILINE)
    assert line is not None
    install(installed, {line[1]: f"{line[2]}:make"}, {line[2]: code})
    source = load_source(line[1])
    await source.open()
    past = await source.history("TIDE", "1d", 0, 3 * 86_400_000_000)
    assert len(past.bars) == 3
    assert (await source.quotes(["TIDE", "NOSUCH"]))[0].symbol == "TIDE"
    assert [found.symbol for found in await source.find("tid", 5)] == ["TIDE"]
    assert (await source.instrument("TIDE")).calendar == "24/7"
    ticks = await anext(aiter(source.live(frozenset({"TIDE"}))))
    assert len(ticks) == 1
    await source.close()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("import no_such_library", "ModuleNotFoundError.*no_such_library"),
        ("make = 3", "nothing that can be called"),
        ("", "AttributeError"),
        ("def make(settings): return object()", "no capabilities"),
        (
            HALF_A_SOURCE,
            "no open, close",
        ),
    ],
)
def test_what_is_wrong_with_a_users_source_names_its_package(
    installed: Path, content: str, words: str
) -> None:
    install(installed, {"mine": "own_module:make"}, {"own_module": content})
    with pytest.raises(SourceMisconfigured, match=words) as caught:
        load_source("mine")
    assert "own-sources" in str(caught.value)


def test_a_users_source_takes_no_name_of_ours(
    installed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(
        installed,
        {"yahoo": "own_module:make", "demo": "own_module:make", "Bad-Name": "own_module:make"},
        {"own_module": "make = print"},
    )
    assert len(entry_points(group=ENTRY_POINTS)) == 3
    assert isinstance(factories()["yahoo"], BuiltIn)
    assert set(factories()) == set(registry.BUILT_IN)
    assert caplog.text.count("passed over") >= 3


def test_an_instance_of_a_source_keeps_its_whole_name(
    installed: Path,
) -> None:
    names: list[str] = []
    install(installed, {"many": "own_module:make"}, {"own_module": "names = []\n"})
    import importlib

    module = importlib.import_module("own_module")
    module.__dict__["make"] = lambda settings: names.append(settings.name)
    for name in ("many:first", "many"):
        with pytest.raises(SourceMisconfigured):
            load_source(name, SourceSettings(name="another"))
    assert names == ["many:first", "many"]


@pytest.mark.parametrize("name", ["nosuch", "", "a" * 500, "yahoo:", "../file", "demo"])
def test_an_unknown_name_is_told_with_those_there_are(name: str) -> None:
    with pytest.raises(SourceMisconfigured, match=r"There are alpha_vantage, ccxt, file") as caught:
        load_source(name)
    assert len(str(caught.value)) < 300


def test_a_missing_library_is_told_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, installed: Path
) -> None:
    (installed / "needs_much.py").write_text("import no_such_library")
    monkeypatch.setattr(registry, "BUILT_IN", {"yahoo": BuiltIn("needs_much:make", extra="yahoo")})
    with pytest.raises(SourceMissing) as caught:
        load_source("yahoo")
    assert "no_such_library" in str(caught.value)
    assert str(caught.value).endswith(f"Run: {install_line('yahoo')}")
    assert "'trading-dashboard[yahoo]'" in str(caught.value)


def test_the_install_line_fits_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(registry, "find_spec", lambda name: object())
    assert install_line("ccxt") == (f"{sys.executable} -m pip install 'trading-dashboard[ccxt]'")
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    tail = f"pip install --python {sys.executable} 'trading-dashboard[ccxt]'"
    assert install_line("ccxt") == f"uv {tail}"
    own = tmp_path / "uv" / "bin" / "uv"
    own.parent.mkdir(parents=True)
    own.touch()
    assert install_line("ccxt") == f"{own} {tail}"
