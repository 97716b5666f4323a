"""What the settings' models say about a key: whether it exists, its bounds, its nearest neighbour.

Owns the reading of pydantic's field information, so that messages, environment variables and the
configuration reference all say the same.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from trading_dashboard.config.settings import Settings

CHOSEN_OUTSIDE = {"environment", "project_root"}
"""Fields of `Settings` that no layer may set."""


def section_of(annotation: Any) -> type[BaseModel] | None:
    """Return the section a field holds, also one that may be left out, or None if it is none."""
    if get_origin(annotation) in (Union, UnionType):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        return section_of(parts[0]) if len(parts) == 1 else None
    is_section = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation if is_section else None


def sections_of(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """Return the sections directly below a section, by key."""
    found = ((key, section_of(field.annotation)) for key, field in model.model_fields.items())
    return {key: section for key, section in found if section is not None}


def mapping_keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the keys of a section below which there is a mapping, be it a section or free."""
    free = [key for key, f in model.model_fields.items() if get_origin(f.annotation) is dict]
    return (*sections_of(model), *free)


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the keys a user may write in a section."""
    hidden = CHOSEN_OUTSIDE if model is Settings else {"name"}
    return tuple(name for name in model.model_fields if name not in hidden)


def annotation_at(path: Sequence[str]) -> Any:
    """Return the type of the setting at a path such as ``("logs", "backups")``.

    Returns:
        A type, `typing.Any` below free-form mappings, or None if there is no such setting.
    """
    annotation: Any = Settings
    for part in path:
        if annotation is Any:
            continue
        if section := section_of(annotation):
            if part not in keys_of(section):
                return None
            annotation = section.model_fields[part].annotation
        elif get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        else:
            return None
    return annotation


def keys_at(path: Sequence[str]) -> tuple[str, ...]:
    """Return the keys a user may write below a path, empty where they are free."""
    section = section_of(annotation_at(path))
    return keys_of(section) if section else ()


def is_text(annotation: Any) -> bool:
    """Return whether values of this type are written as plain text."""
    if get_origin(annotation) is UnionType:  # such as str | None
        parts = [part for part in get_args(annotation) if part is not type(None)]
        return all(is_text(part) for part in parts)
    if get_origin(annotation) is Literal:
        return all(isinstance(value, str) for value in get_args(annotation))
    return isinstance(annotation, type) and annotation.__name__ in ("str", "Path")


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """Return the known word a misspelt one most likely means, or None."""
    matches = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=likeness)
    return matches[0] if matches else None


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return the remedy for an unknown word."""
    match = nearest(word, known)
    if match:
        return f"Did you mean {match}?"
    return f"Known are: {', '.join(known)}." if known else "Remove it."


def bounds(field: FieldInfo) -> str:
    """Return a field's bounds in words, such as ``greater than 0, at most 300``, or ''."""
    words = []
    for limit in field.metadata:
        if isinstance(limit, annotated_types.Gt):
            words.append(f"greater than {limit.gt}")
        elif isinstance(limit, annotated_types.Ge):
            words.append(f"at least {limit.ge}")
        elif isinstance(limit, annotated_types.Lt):
            words.append(f"less than {limit.lt}")
        elif isinstance(limit, annotated_types.Le):
            words.append(f"at most {limit.le}")
    return ", ".join(words)


def type_words(annotation: Any) -> str:
    """Return a type in words, such as ``whole number`` or ``list of text``."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin is Annotated:
        return type_words(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(type_words(part) for part in arguments if part is not type(None))
    if origin is tuple:
        return f"list of {type_words(arguments[0])}"
    if origin is dict:
        return f"mapping to {type_words(arguments[1])}"
    names = {
        "str": "text", "Path": "path", "int": "whole number", "float": "number",
        "Decimal": "number", "bool": "true or false", "date": "date", "Any": "any value",
    }  # fmt: skip
    return names.get(getattr(annotation, "__name__", "Any"), "section")
