"""Values together with where they came from.

Owns the tree every layer is read into (`Branch`, `Items`, `Scalar`), merging, and what a caller of
the loader gets. Knows no file format and no rules about single settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from trading_dashboard.config.masking import (
    MASK,
    holds_secrets,
    is_secret,
    shown,
    shown_arguments,
)
from trading_dashboard.config.settings import Settings
from trading_dashboard.models.errors import WHOLE_FILE, Mistake

KeyPath = tuple[str | int, ...]


class OriginKind(StrEnum):
    """The layers, weakest first."""

    DEFAULT = "default"
    FILE = "file"
    VARIABLE = "variable"
    OPTION = "option"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from.

    Attributes:
        kind: The layer.
        name: The file as the user knows it, the environment variable, or the option.
        line: 1-based; only files have lines.
    """

    kind: OriginKind
    name: str
    line: int | None = None

    @property
    def shown_name(self) -> str:
        """Return the name for a message; a file's stays as it is, to be found by it."""
        return self.name if self.kind is OriginKind.FILE else shown(self.name)

    def __str__(self) -> str:
        return f"{self.name}:{self.line}" if self.line else self.name


DEFAULT = Origin(OriginKind.DEFAULT, "default")


@dataclass(slots=True)
class Scalar:
    """One value and how it was written (YAML reads ``off`` as False; people wrote ``off``).

    A broken one has no value, and a mistake was already reported for it.
    """

    value: str | int | float | bool | None
    written: str
    origin: Origin
    is_broken: bool = False


@dataclass(slots=True)
class Items:
    """A list."""

    items: list[Node]
    origin: Origin


@dataclass(slots=True)
class Branch:
    """A mapping. `key_origins` says where each key stands, which is not where its value starts."""

    children: dict[str, Node]
    origin: Origin
    key_origins: dict[str, Origin] = field(default_factory=dict)

    def key_origin(self, key: str) -> Origin:
        """Return where a key of this mapping was written last."""
        return self.key_origins.get(key, self.origin)


Node = Scalar | Items | Branch


def merge(base: Branch, over: Branch) -> Branch:
    """Return the two layers as one: mappings merge key by key, everything else is replaced."""
    children = dict(base.children)
    for key, node in over.children.items():
        below = children.get(key)
        both = isinstance(below, Branch) and isinstance(node, Branch)
        children[key] = merge(below, node) if both else node  # type: ignore[arg-type]
    return Branch(children, over.origin, {**base.key_origins, **over.key_origins})


def plain(node: Node) -> Any:
    """Return a node as ordinary dicts, lists and scalars."""
    if isinstance(node, Branch):
        return {key: plain(child) for key, child in node.children.items()}
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    return node.value


def find(root: Node, path: KeyPath) -> tuple[Node, Origin, KeyPath]:
    """Return the node at a path, where it was written, and the part of the path that exists."""
    node, origin = root, root.origin
    for depth, part in enumerate(path):
        if isinstance(node, Branch) and isinstance(part, str) and part in node.children:
            origin, node = node.key_origin(part), node.children[part]
        elif isinstance(node, Items) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            origin = node.origin
        else:
            return node, origin, path[:depth]
    return node, origin, path


def show_node(node: Node, path: KeyPath) -> str:
    """Return a node's value for a message, secrets masked."""
    if is_secret(path) or (holds_secrets(path) and not isinstance(node, Branch)):
        return MASK
    if isinstance(node, Branch):
        return "a mapping of " + shown(", ".join(node.children)) if node.children else "{}"
    if isinstance(node, Items):
        texts = [item.written for item in node.items if isinstance(item, Scalar)]
        if len(texts) == len(node.items):
            return shown_arguments(texts)
        return f"a list of {len(node.items)}"
    if node.value is None:
        return "(empty)"
    return shown(f'"{node.written}"' if isinstance(node.value, str) else node.written)


def dotted(path: KeyPath) -> str:
    """Return ``agents.market_data.depends_on[1]`` for its path."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or WHOLE_FILE


def mistake_at(root: Node, path: KeyPath, problem: str, remedy: str) -> Mistake:
    """Return a mistake about the value at a path, or about its absence there."""
    node, origin, existing = find(root, path)
    value = show_node(node, path) if existing == path else "(missing)"
    return Mistake(
        file=origin.shown_name,
        line=origin.line,
        key=shown(dotted(path)),
        value=value,
        problem=problem,
        remedy=remedy,
    )


def leaves(
    node: Node, path: KeyPath = (), origin: Origin | None = None
) -> Iterator[tuple[KeyPath, Origin]]:
    """Yield each value that is not a mapping, lists as one value, with where it was written."""
    if not isinstance(node, Branch) or not node.children:
        if path:
            yield path, origin or node.origin
        return
    for key, child in node.children.items():
        yield from leaves(child, (*path, key), node.key_origin(key))


@dataclass(frozen=True, slots=True)
class EffectiveValue:
    """One line of the effective configuration, ready to be shown: secrets are masked."""

    key: str
    value: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """The arguments of `config.loader.load_settings`.

    Attributes:
        is_own: The project has a configuration of its own, so that the built-in one is no answer:
            where it is gone, somebody is just replacing it, or made a mistake.
    """

    project_root: Path | None = None
    config_path: str | Path | None = None
    environment: str | None = None
    environ: Mapping[str, str] | None = field(default=None, repr=False)
    overrides: Mapping[str, Any] | None = field(default=None, repr=False)
    is_own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSettings:
    """The effective settings, and where each of their values came from.

    Attributes:
        settings: Complete and checked.
        origins: By dotted key, defaults included, such as ``agents.market_data.timeout``.
        files: The configuration files that were read, as the user knows them.
        request: What was asked for, to ask again.
        watched: The files whose change can change the settings, be they there or not.
    """

    settings: Settings
    origins: Mapping[str, Origin]
    files: Sequence[str] = ()
    request: LoadRequest = field(default_factory=LoadRequest)
    watched: Sequence[Path] = ()

    def effective_values(self) -> Sequence[EffectiveValue]:
        """Return every setting with its value and origin, in the order of the settings."""
        return [
            EffectiveValue(key, MASK if is_secret(path) else show_value(value), self.origins[key])
            for path, value in self.values().items()
            if (key := dotted(path)) in self.origins
        ]

    def values(self) -> dict[KeyPath, Any]:
        """Return every setting by its path, as JSON values, secrets included."""
        data = self.settings.model_dump(mode="json", exclude={"project_root", "environment"})
        for agent in data["agents"].values():
            del agent["name"]
        return dict(_model_leaves(data))


def show_value(value: Any) -> str:
    """Return a setting's value for people."""
    if isinstance(value, list):
        return shown_arguments([str(item) for item in value])
    if isinstance(value, bool):
        return "true" if value else "false"
    return shown("(none)" if value is None else str(value))


def _model_leaves(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    if not isinstance(value, dict) or not value:
        yield path, value
        return
    for key, child in value.items():
        yield from _model_leaves(child, (*path, key))


def default_origins(settings: Settings, written: Mapping[str, Origin]) -> dict[str, Origin]:
    """Return an origin for every value of the settings: where it was written, else the default."""
    values = LoadedSettings(settings=settings, origins={}).values()
    origins = {dotted(path): DEFAULT for path in values}
    return {key: written.get(key, DEFAULT) for key in origins} | dict(written)
