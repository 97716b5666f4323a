"""docs/supervision.md names tests that exist, for all ten rules."""

from __future__ import annotations

import ast
import re

from tests.support import ROOT

DOCUMENT = (ROOT / "docs" / "supervision.md").read_text("utf-8")
PROOF = re.compile(r"`(test_\w+)`")


def _tests() -> set[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, functions) and node.name.startswith("test_")
    }


def test_every_test_named_exists() -> None:
    named = set(PROOF.findall(DOCUMENT))
    assert len(named) > 80
    assert named - _tests() == set()
    # Control arm: one that does not exist is noticed.
    assert {*named, "test_of_nothing"} - _tests() == {"test_of_nothing"}


def test_every_rule_has_proofs_and_control_arms() -> None:
    chapters = re.split(r"^## ", DOCUMENT, flags=re.MULTILINE)
    rules = {match[1]: text for text in chapters if (match := re.match(r"(\d+)\. ", text))}
    assert list(rules) == [str(number) for number in range(1, 11)]
    for number, text in rules.items():
        rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| ")][1:]
        assert rows, number
        for promise, proof, control in rows:
            assert PROOF.search(proof), promise
            assert PROOF.search(control) or " in " in control or "the same test" in control, promise
