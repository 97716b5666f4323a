"""Reading one YAML file into a tree that remembers lines.

Owns everything that can be wrong with a file as such: missing, too large, not UTF-8, bad syntax,
duplicate keys, and the values YAML 1.1 reads differently from what they look like. Knows no
settings.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from trading_dashboard.config.masking import MASK, holds_secrets, shown
from trading_dashboard.config.origins import (
    Branch,
    Items,
    KeyPath,
    Node,
    Origin,
    OriginKind,
    Scalar,
    dotted,
)
from trading_dashboard.models.errors import WHOLE_FILE, Mistake

MAX_FILE_BYTES = 256 * 1024
MAX_DEPTH = 16
MAX_NODES = 20_000
_MAX_COMPOSED_DEPTH = 4 * MAX_DEPTH
_MAX_COMPOSED_NODES = 2 * MAX_NODES
"""Keys are nodes too. Beyond these a file is not even read to its end."""
MAX_NUMBER_BITS = 64

_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = {
    _TAG + name for name in ("str", "int", "float", "bool", "null", "timestamp", "value")
}
_TEXT_TAGS = {_TAG + name for name in ("str", "timestamp", "value")}
_BASE_60 = re.compile(r"^[-+]?[0-9_]+(:[0-5]?[0-9])+(\.[0-9_]*)?$")
_LEADING_ZERO = re.compile(r"^[-+]?0[0-9_]+$")
NOT_TEXT = re.compile("[\x00\ud800-\udfff]")
_QUOTED_NAME = re.compile(r" '[\w!-][^']+'")
"""An anchor or a tag handle in YAML's words; a password may look like one: ``PASSWORD: *word``."""


class _BoundedLoader(yaml.SafeLoader):
    """Gives up early on what is far beyond the bounds; reading it would take long."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._composed = 0
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._composed += 1
        self._depth += 1
        if self._depth > _MAX_COMPOSED_DEPTH:
            self._give_up(f"nested deeper than {MAX_DEPTH} levels")
        if self._composed > _MAX_COMPOSED_NODES:
            self._give_up(f"more than {MAX_NODES} values")
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def _give_up(self, problem: str) -> NoReturn:
        raise yaml.composer.ComposerError(None, None, problem, self.get_mark())


def read_document(path: Path, name: str, mistakes: list[Mistake]) -> Branch:
    """Return the mappings of a YAML file; what is wrong is added to `mistakes`.

    Args:
        path: The file.
        name: The file as the user knows it, for messages.
        mistakes: Grows by each mistake found; the rest of the file is still read.
    """
    origin = Origin(OriginKind.FILE, name)
    text = _read_text(path, name, mistakes)
    if text is None:
        return Branch({}, origin)
    return _parse(text, origin, mistakes)


def parse_value(text: str, origin: Origin, path: KeyPath, mistakes: list[Mistake]) -> Node:
    """Return a value written in YAML outside a file, such as in an environment variable."""
    reader = _Reader(origin, mistakes)
    node = _compose(text, origin, mistakes, path)
    return Scalar(None, text, origin) if node is None else reader.read(node, path)


def _read_text(path: Path, name: str, mistakes: list[Mistake]) -> str | None:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        mistakes.append(
            _file_mistake(name, f"cannot be read: {error.strerror}.", "Check the path.")
        )
        return None
    if len(data) > MAX_FILE_BYTES:
        problem = f"is larger than {MAX_FILE_BYTES // 1024} KiB."
        mistakes.append(_file_mistake(name, problem, "Configuration is small; check the file."))
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        problem = f"byte {error.start} is not UTF-8."
        mistakes.append(_file_mistake(name, problem, "Save the file as UTF-8.", line))
        return None


def _file_mistake(name: str, problem: str, remedy: str, line: int | None = None) -> Mistake:
    return Mistake(file=name, line=line, key=WHOLE_FILE, value=name, problem=problem, remedy=remedy)


def _parse(text: str, origin: Origin, mistakes: list[Mistake]) -> Branch:
    node = _compose(text, origin, mistakes, ())
    if node is None:
        return Branch({}, origin)
    tree = _Reader(origin, mistakes).read(node, ())
    if isinstance(tree, Branch):
        return tree
    if not (isinstance(tree, Scalar) and tree.value is None):
        remedy = "Begin it with `agents:`."
        mistakes.append(_file_mistake(origin.name, "is not a mapping.", remedy, tree.origin.line))
    return Branch({}, origin)


def _compose(text: str, origin: Origin, mistakes: list[Mistake], path: KeyPath) -> yaml.Node | None:
    """Return the YAML node graph, or None if there is none or its syntax is wrong."""
    line: int | None = None
    try:
        composed: yaml.Node | None = yaml.compose(text, Loader=_BoundedLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        problem = error.problem or error.context or "cannot be parsed"
        if error.context and error.problem:
            problem = f"{error.context}, {error.problem}"
        problem = _QUOTED_NAME.sub("", problem)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"the character {error.character!a} is not allowed in YAML"
    except RecursionError:
        problem = f"nested deeper than {MAX_DEPTH} levels"
    except ValueError as error:  # an escape or a directive with a number out of range
        problem = str(error)
    else:
        return composed
    mistakes.append(
        Mistake(
            file=origin.name,
            line=line if origin.kind is OriginKind.FILE else None,
            key=dotted(path),
            value="(not parsed)",
            problem=f"YAML syntax: {shown(problem)}.",
            remedy=_syntax_remedy(origin, problem),
        )
    )
    return None


def _syntax_remedy(origin: Origin, problem: str) -> str:
    if origin.kind is not OriginKind.FILE:
        return "Write the value as it would stand in the file."
    if "'\\t'" in problem:
        return "Indent with spaces; YAML allows no tabs there."
    return "Check indentation, quotes and brackets at and above this line."


@dataclass(slots=True)
class _Reader:
    """Turns YAML's nodes into ours, bounded in depth and number."""

    base: Origin
    mistakes: list[Mistake]
    nodes: int = 0
    reported: set[str] = field(default_factory=set)

    def read(self, node: yaml.Node, path: KeyPath) -> Node:
        origin = self._origin(node)
        self.nodes += 1
        if self.nodes > MAX_NODES or len(path) > MAX_DEPTH:
            bound = f"{MAX_NODES} values" if self.nodes > MAX_NODES else f"{MAX_DEPTH} levels"
            self._once(node, path, f"more than {bound}.", "Configuration is small; check the file.")
            return Scalar(None, "", origin, is_broken=True)
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            items = [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
            return Items(items, origin)
        if isinstance(node, yaml.ScalarNode) and node.tag in _PLAIN_TAGS:
            return self._scalar(node, path)
        tag = "" if holds_secrets(path) else f" {shown(node.tag.removeprefix(_TAG))}"
        self._add(node, path, f"the YAML tag{tag} is not used here.", "Write a plain value.")
        return Scalar(None, "", origin, is_broken=True)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> Branch:
        branch = Branch({}, self._origin(node))
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            if key in branch.children:
                first = branch.key_origin(key)
                place = f"line {first.line}" if first.line else "before"
                problem = f"is given twice; it already stands at {place}."
                self._add(key_node, (*path, key), problem, "Keep one of the two.", value_node)
                continue
            branch.key_origins[key] = self._origin(key_node)
            branch.children[key] = self.read(value_node, (*path, key))
        return branch

    def _key(self, node: yaml.Node, path: KeyPath) -> str | None:
        if isinstance(node, yaml.ScalarNode):
            if node.tag in _TEXT_TAGS and not NOT_TEXT.search(node.value):
                return str(node.value)
            written = shown(node.value)
            if node.tag == _TAG + "merge":
                self._add(
                    node, (*path, written), "merge keys are not used here.", "Write the keys out."
                )
                return None
            problem, remedy = "is not text: YAML reads this key as a value.", f'Write "{written}".'
            self._add(node, (*path, written), problem, remedy)
            return None
        self._add(node, path, "a key here is not text.", "Use plain names as keys.")
        return None

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Scalar:
        origin, written = self._origin(node), str(node.value)
        if node.tag in _TEXT_TAGS:
            if NOT_TEXT.search(written):
                self._add(
                    node, path, "holds a character that is not text.", "Remove the character."
                )
                return Scalar(None, "", origin, is_broken=True)
            return Scalar(written, written, origin)
        if _BASE_60.match(written) or _LEADING_ZERO.match(written):
            problem = "YAML reads this as a number in base 60 or 8."
            quoted = "the value" if holds_secrets(path) else f'"{shown(written)}"'
            remedy = f"Write a plain number, or {quoted} in quotes for text."
            self._add(node, path, problem, remedy, node)
            return Scalar(None, written, origin, is_broken=True)
        value, is_broken = self._construct(node, path)
        return Scalar(value, written, origin, is_broken)

    def _construct(
        self, node: yaml.ScalarNode, path: KeyPath
    ) -> tuple[int | float | bool | None, bool]:
        """Return (value, whether it is broken)."""
        constructor = yaml.SafeLoader("")
        try:
            value = constructor.construct_object(node)
        except (ValueError, LookupError, yaml.YAMLError):  # !!int abc, !!int "", !!bool maybe
            value = None
            is_valid = False
        else:
            is_valid = not (isinstance(value, int) and value.bit_length() > MAX_NUMBER_BITS)
        if not is_valid:
            kind = node.tag.removeprefix(_TAG)
            self._add(node, path, f"is not a valid {kind}.", "Write a plain value.", node)
            return None, True
        if isinstance(value, float) and not math.isfinite(value):
            self._add(node, path, "is not a finite number.", "Write a finite number.", node)
            return None, True
        return value, False

    def _origin(self, node: yaml.Node) -> Origin:
        if self.base.kind is not OriginKind.FILE:
            return self.base
        return Origin(self.base.kind, self.base.name, node.start_mark.line + 1)

    def _once(self, node: yaml.Node, path: KeyPath, problem: str, remedy: str) -> None:
        if problem not in self.reported:
            self.reported.add(problem)
            self._add(node, path, problem, remedy)

    def _add(
        self,
        node: yaml.Node,
        path: KeyPath,
        problem: str,
        remedy: str,
        value: yaml.Node | None = None,
    ) -> None:
        text = shown(value.value) if isinstance(value, yaml.ScalarNode) else "(not read)"
        origin = self._origin(node)
        self.mistakes.append(
            Mistake(
                file=origin.name,
                line=origin.line,
                key=shown(dotted(path)),
                value=MASK if holds_secrets(path) else text,
                problem=problem,
                remedy=remedy,
            )
        )
