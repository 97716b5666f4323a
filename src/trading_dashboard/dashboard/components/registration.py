"""Makes our component folders known to Streamlit.

Streamlit finds packaged components by scanning every installed distribution. Ours are registered
directly instead: the same manifest, without the scan, and independent of how the package was
installed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest

from trading_dashboard import __version__

_PACKAGE = "trading-dashboard"
_ROOT = Path(__file__).parent


def declare(name: str) -> Callable[..., Any]:
    """Return the mounting command of the component in folder `name`.

    The folder holds ``<name>.js``. Styles are in the page's own stylesheet, so a component is
    never seen without them; therefore its DOM is not isolated.
    """
    full_name = f"{_PACKAGE}.{name}"

    def mount(*, data: Mapping[str, Any], **arguments: Any) -> Any:
        manager = get_bidi_component_manager()
        if manager.get_component_asset_root(full_name) is None:
            manifest = ComponentManifest(
                name=_PACKAGE,
                version=__version__,
                components=[ComponentConfig(name=name, asset_dir=name)],
            )
            manager.register_from_manifest(manifest, _ROOT)
            renderers[full_name] = st.components.v2.component(
                full_name, js=f"{name}.js", isolate_styles=False
            )
        # As text: Streamlit looks at each value for data frames, which imports pandas (80 MB).
        return renderers[full_name](data={"json": json.dumps(dict(data))}, **arguments)

    return mount


renderers: dict[str, Callable[..., Any]] = {}
