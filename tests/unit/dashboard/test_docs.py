"""docs/dashboard.md names what there is."""

from __future__ import annotations

from tests.support import ROOT
from trading_dashboard.dashboard.gateway.socket_proxy import CloseCode
from trading_dashboard.dashboard.guard import OPEN_PATHS
from trading_dashboard.dashboard.views import VIEWS

TEXT = (ROOT / "docs" / "dashboard.md").read_text("utf-8")


def test_docs_explain_every_close_code() -> None:
    assert [code for code in CloseCode if f"| {code.value} |" not in TEXT] == []


def test_docs_list_every_view() -> None:
    assert [view.title for view in VIEWS if f"| {view.title} | `/{view.path}" not in TEXT] == []


def test_docs_name_every_open_path() -> None:
    assert [path for path in OPEN_PATHS if f"`{path}`" not in TEXT] == []
