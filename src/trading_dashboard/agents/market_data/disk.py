"""What the data directory holds, and the room that is left on its disk."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any


def files_in(directory: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the names and sizes of the files, and the bytes left on their disk."""
    files = []
    for path in sorted(directory.iterdir()):
        try:
            size = path.stat().st_size
        except FileNotFoundError:  # DuckDB's log comes and goes
            continue
        if path.is_file():
            files.append({"name": path.name, "bytes": size})
    return files, shutil.disk_usage(directory).free
