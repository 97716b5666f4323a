"""The page's shell: nothing inline, everything ours."""

from __future__ import annotations

import re

from trading_dashboard.dashboard.page import (
    ASSETS,
    COMPONENTS,
    PAGE_PATHS,
    index_html,
    stylesheet,
)
from trading_dashboard.dashboard.views import VIEWS


def test_the_page_has_no_inline_script() -> None:
    scripts = re.findall(r"<script\b[^>]*>(.*?)</script>", index_html(), re.DOTALL)

    assert scripts
    assert not any(script.strip() for script in scripts)


def test_the_page_names_no_foreign_address() -> None:
    without_licence = re.sub(r"<!--.*?-->", "", index_html(), flags=re.DOTALL)

    assert not re.findall(r"(?:src|href)=\"(?!/)[^\"]*\"", without_licence)
    assert "<title>Trading Dashboard</title>" in without_licence


def test_every_view_has_its_page() -> None:
    assert {f"/{view.path}" for view in VIEWS} == set(PAGE_PATHS)


def test_every_component_has_its_script() -> None:
    folders = [path.parent for path in COMPONENTS.glob("*/__init__.py")]

    assert folders
    assert all((folder / f"{folder.name}.js").is_file() for folder in folders)


def test_the_stylesheet_holds_every_component() -> None:
    text = stylesheet()

    assert all(f".desk-{name}" in text for name in ("strip", "watchlist", "candles", "log"))
    assert "url(" not in text


def test_scripts_are_only_imported_from_here() -> None:
    files = [*ASSETS.glob("js/*.js"), *COMPONENTS.glob("*/*.js")]
    imports = [
        name for path in files for name in re.findall(r"from '([^']+)'", path.read_text("utf-8"))
    ]

    assert imports
    assert all(name.startswith(("/assets/", "./")) for name in imports)
