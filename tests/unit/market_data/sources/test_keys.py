"""Keys come from the environment or from a file that only its owner may read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trading_dashboard.agents.market_data.sources.contract import SourceMisconfigured
from trading_dashboard.agents.market_data.sources.keys import (
    MAX_FILE_BYTES,
    SourceKeys,
    variable_name,
)

SECRET = "abcDEF0123456789"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(f"# mine\n\nalpha_vantage = {SECRET}\nccxt:binance='quoted-key'\n", "utf-8")
    path.chmod(0o600)
    return path


def test_a_private_file_is_read_each_time(file: Path) -> None:
    keys = SourceKeys({}, file)
    assert keys.find("alpha_vantage") == SECRET
    assert keys.find("ccxt:binance") == "quoted-key"
    assert keys.find("yahoo") is None
    file.write_text("alpha_vantage = another-key\n", "utf-8")
    assert keys.find("alpha_vantage") == "another-key"
    file.unlink()
    assert keys.find("alpha_vantage") is None


def test_the_environment_comes_first(file: Path) -> None:
    assert variable_name("ccxt:binance") == "TRADING_DASHBOARD_KEY_CCXT_BINANCE"
    keys = SourceKeys({"TRADING_DASHBOARD_KEY_ALPHA_VANTAGE": " from-variable \n"}, file)
    assert keys.find("alpha_vantage") == "from-variable"
    assert SourceKeys({"TRADING_DASHBOARD_KEY_YAHOO": ""}, file).find("yahoo") is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601, 0o620])
def test_a_file_others_may_touch_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(SourceMisconfigured, match=f"{mode:04o}.*chmod 600") as caught:
        SourceKeys({}, file).find("alpha_vantage")
    assert SECRET not in str(caught.value)
    # Control arm: nothing else was wrong with it.
    file.chmod(0o400)
    assert SourceKeys({}, file).find("alpha_vantage") == SECRET


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"alpha_vantage {SECRET}\n", "Line 1 of"),
        (f"a = {SECRET}\na = {SECRET}\n", "Line 2 of .* again"),
        (f"alpha_vantage = {SECRET} {SECRET}\n", "holds no key"),
        ("alpha_vantage = x\n", "holds no key"),
        (f"alpha_vantage = {SECRET}\x07\n", "holds no key"),
        (f"alpha_vantage = {SECRET * 40}\n", "holds no key"),
        (SECRET * (MAX_FILE_BYTES // 16 + 1), "longer than"),
        (b"alpha_vantage = abcDEF0123456789\xff\n", "not UTF-8"),
    ],
)
def test_what_is_wrong_is_told_without_the_key(
    file: Path, content: str | bytes, words: str
) -> None:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SourceMisconfigured, match=words) as caught:
        SourceKeys({}, file).find("alpha_vantage")
    assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for path in (pipe, tmp_path):
        with pytest.raises(SourceMisconfigured, match=r"cannot be read|no regular file"):
            SourceKeys({}, path).find("alpha_vantage")


def test_a_key_with_a_line_break_never_gets_into_a_header() -> None:
    keys = SourceKeys({"TRADING_DASHBOARD_KEY_X": f"{SECRET}\r\nHost: elsewhere"}, Path("/nowhere"))
    with pytest.raises(SourceMisconfigured, match="holds no key") as caught:
        keys.find("x")
    assert SECRET not in str(caught.value)
