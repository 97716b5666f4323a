"""The two scripts are thin, and every Python can read them as far as the sentence it needs."""

from __future__ import annotations

import ast
import sys

import pytest

from bootstrap.dashboard import main
from tests.support import ROOT

SCRIPTS = ("run_dashboard.py", "run_tests.py")


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_thin_and_in_old_syntax(name: str) -> None:
    source = (ROOT / name).read_text("ascii")
    tree = ast.parse(source, feature_version=(3, 4))
    assert len(source.splitlines()) < 30
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr | ast.AnnAssign)]


def test_the_bootstrap_needs_nothing_but_the_standard_library() -> None:
    for path in [*(ROOT / "bootstrap").glob("*.py"), *(ROOT / name for name in SCRIPTS)]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            tops = {name.split(".")[0] for name in names} - {"bootstrap"}
            assert tops <= sys.stdlib_module_names, f"{path.name}: {tops}"


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--port", "x"], ["--unknown"]])
def test_wrong_options_are_refused_before_anything_is_set_up(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: run_dashboard.py" in capsys.readouterr().err
