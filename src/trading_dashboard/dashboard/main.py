"""The entry script: Streamlit runs it once per page change, never per price.

Owns the frame of the page: the status strip (placed before the view, so it survives page
changes), the navigation, and which views there are.
"""

from __future__ import annotations

import streamlit as st

from trading_dashboard.dashboard.components.status_strip import status_strip
from trading_dashboard.dashboard.views import VIEWS


def main() -> None:
    """Draw the page."""
    run = int(st.session_state.get("desk_run", 0)) + 1
    st.session_state["desk_run"] = run
    with st.container(key="desk-strip"):
        status_strip(run)
    pages = [
        st.Page(view.render, title=view.title, url_path=view.path, default=view.path == "")
        for view in VIEWS
    ]
    current = st.navigation(pages, position="hidden")
    st.set_page_config(page_title=f"{current.title} · Trading Dashboard", layout="wide")
    with st.container(key="desk-nav"):
        for page in pages:
            is_current = page.url_path == current.url_path
            with st.container(key=f"desk-nav-{page.title.lower()}{'-on' if is_current else ''}"):
                st.page_link(page)
    with st.container(key="desk-view"):
        current.run()


main()
