"""Adding an agent's lines to config/agents.yaml, comments and order kept.

Owns the edit of the text. It writes nothing that the loader does not accept: the file is put back
if the configuration with the new lines has a mistake.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from trading_dashboard.config import load_settings
from trading_dashboard.models.errors import ConfigurationError, TradingDashboardError

START = "agents:\n"


class CannotAdd(TradingDashboardError):
    """The lines cannot be added to the file; a person has to."""

    code = "cannot_add_agent"


def with_agent(text: str, lines: list[str]) -> str:
    """Return the file's text with an agent's lines at the end of `agents`.

    Args:
        text: A valid agents.yaml.
        lines: The agent's key and settings, indented as if `agents` stood at the margin with its
            children two columns in.

    Raises:
        CannotAdd: `agents` is written in one line, so that there is no place for them.
    """
    root = yaml.compose(text)
    if root is None:
        return _joined(text, [START.rstrip(), *lines])
    if not isinstance(root, yaml.MappingNode):
        raise _cannot_add(lines)
    section = next((value for key, value in root.value if key.value == "agents"), None)
    if section is None:
        return _joined(text, ["", START.rstrip(), *lines])
    if not isinstance(section, yaml.MappingNode) or section.flow_style:
        raise _cannot_add(lines)
    indent = section.start_mark.column
    last = section.value[-1][1]
    row = last.end_mark.line if last.end_mark.column == 0 else last.end_mark.line + 1
    rows = text.splitlines()
    while row > 0 and not rows[min(row, len(rows)) - 1].strip():
        row -= 1  # a block's end lies behind the blank lines that follow it
    row = _before_comments(rows, min(row, len(rows)), indent)
    shifted = [" " * (indent - 2) + line if line else line for line in lines]
    return "\n".join([*rows[:row], "", *shifted, *rows[row:]]) + "\n"


def add_agent(root: Path, lines: list[str]) -> Path:
    """Add an agent's lines to the project's agents.yaml and return the file.

    Raises:
        CannotAdd: The file has no place for them.
        ConfigurationError: The configuration has mistakes, before or with them; it is as it was.
    """
    load_settings(root)
    path = root / "config" / "agents.yaml"
    before = path.read_text(encoding="utf-8")
    _write(path, with_agent(before, lines))
    try:
        load_settings(root)
    except ConfigurationError:
        _write(path, before)
        raise
    return path


def _before_comments(rows: list[str], row: int, indent: int) -> int:
    """Return the row with comments left out that belong to what follows the section."""
    while row > 0:
        text = rows[row - 1]
        is_outside = text.startswith("#") and indent > 0
        if not is_outside and text.strip():
            break
        row -= 1
    return row


def _joined(text: str, lines: list[str]) -> str:
    head = text if not text or text.endswith("\n") else f"{text}\n"
    return head + "\n".join(lines).lstrip("\n" if not head else "") + "\n"


def _cannot_add(lines: list[str]) -> CannotAdd:
    shown = "\n".join(lines)
    return CannotAdd(
        "config/agents.yaml has its agents in one line, where nothing can be added.",
        subject="config/agents.yaml",
        next_step=f"Add this below `agents:` yourself:\n{shown}",
    )


def _write(path: Path, text: str) -> None:
    """Replace the file in one step: a running desk watches it."""
    temporary = path.with_suffix(".yaml.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.chmod(path.stat().st_mode & 0o777)
    temporary.replace(path)
