"""The live parts of the page. Each is a folder: a Python face, its script, its style.

A component opens its own WebSockets in the browser (through the shared hub in ``assets/js``), so
an update costs no rerun of the script. This module owns their registration only.
"""

from trading_dashboard.dashboard.components.registration import declare

__all__ = ["declare"]
