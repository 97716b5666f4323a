"""Data: can I trust this series?"""

from __future__ import annotations

import streamlit as st

from trading_dashboard.dashboard.components.data_gaps import data_gaps
from trading_dashboard.dashboard.components.data_quality import data_quality
from trading_dashboard.dashboard.components.data_quarantine import data_quarantine
from trading_dashboard.dashboard.components.data_recordings import data_recordings
from trading_dashboard.dashboard.components.data_replay import data_replay
from trading_dashboard.dashboard.components.data_sources import data_sources
from trading_dashboard.dashboard.components.data_storage import data_storage


def data_view() -> None:
    """Draw sources, quality, what is missing or refused, storage, clock and recordings."""
    with st.container(key="desk-data-view"):
        data_sources()
        data_quality()
        data_gaps()
        data_quarantine()
        data_storage()
        data_replay()
        data_recordings()
