"""House rules that no linter knows: size of files and functions, names."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.support import ROOT

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40
VAGUE = re.compile(r"^_?(utils?|helpers?|commons?|misc|tools|stuff)$")

_CODE = sorted(
    path
    for folder in ("src", "tests", "bench", "bootstrap")
    for path in (ROOT / folder).rglob("*.py")
) + sorted(ROOT.glob("*.py"))
_OURS = [path for path in _CODE if path.is_relative_to(ROOT / "src")]

AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(tree: ast.AST) -> Iterator[AnyFunction]:
    return (node for node in ast.walk(tree) if isinstance(node, AnyFunction))


def _lines_of_code(source: str) -> set[int]:
    """Return the lines that hold code: no comments, no blank lines."""
    ignored = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in ignored:
            lines.update(range(token.start[0], token.end[0] + 1))
    return lines


def _too_long(source: str) -> list[str]:
    """Return the functions longer than allowed, docstring, comments and blank lines not counted."""
    code = _lines_of_code(source)
    found = []
    for function in _functions(ast.parse(source)):
        body = set(range(function.lineno, (function.end_lineno or 0) + 1)) & code
        if ast.get_docstring(function) is not None:
            docstring = function.body[0]
            body -= set(range(docstring.lineno, (docstring.end_lineno or 0) + 1))
        if len(body) > MAX_FUNCTION_LINES:
            found.append(f"{function.name} has {len(body)} lines")
    return found


def test_files_are_short() -> None:
    sizes = {_name(path): len(path.read_text("utf-8").splitlines()) for path in _CODE}
    assert not {name: lines for name, lines in sizes.items() if lines > MAX_FILE_LINES}


def test_functions_are_short() -> None:
    found = {_name(path): _too_long(path.read_text("utf-8")) for path in _CODE}
    assert not {name: functions for name, functions in found.items() if functions}


def test_a_long_function_is_noticed() -> None:
    body = "    x = 1\n" * MAX_FUNCTION_LINES
    assert _too_long(f"def f():\n{body}") == ["f has 41 lines"]
    assert not _too_long(f'def f():\n    """Says."""\n    # Why.\n\n{body[:-10]}')


def test_modules_have_a_name_that_says_what_they_own() -> None:
    assert not [path for path in _CODE if VAGUE.match(path.stem) or VAGUE.match(path.parent.name)]


def test_modules_say_what_they_own() -> None:
    modules = {_name(path): _parse(path) for path in _OURS}
    assert not [name for name, tree in modules.items() if tree.body and not ast.get_docstring(tree)]


def test_no_public_class_has_two_meanings_in_a_package() -> None:
    seen: dict[tuple[str, str], list[str]] = {}
    for path in _OURS:
        parts = path.relative_to(ROOT / "src/trading_dashboard").parts
        # Agents share nothing but the kit, so each is a package of its own.
        package = ".".join(parts[:2]) if parts[0] == "agents" else parts[0]
        for node in _parse(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                seen.setdefault((package, node.name), []).append(_name(path))
    assert not {name: paths for name, paths in seen.items() if len(paths) > 1}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))
