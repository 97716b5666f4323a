"""The page's shell and its assets: what the browser gets before and beside Streamlit.

Owns ``index.html`` (Streamlit's own, without its inline script, with our style and start-up
module), the joined stylesheet and the static files under ``/assets``. Streamlit's frontend takes
it from there.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from trading_dashboard.dashboard.login_page import plain_page

HERE = Path(__file__).parent
ASSETS = HERE / "assets"
COMPONENTS = HERE / "components"
PAGE_PATHS = ("/", "/chart", "/data", "/patterns", "/risk", "/agents")
STREAMLIT_PATHS = ("/_stcore/", "/static/", "/media/", "/component/")
PRELOADED_MODULES = ("js/boot.js", "js/hub.js", "js/live_socket.js", "js/format.js", "js/dom.js")

_MEDIA_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
_INLINE_SCRIPT = re.compile(r"<script>.*?</script>", re.DOTALL)
_NOSCRIPT = re.compile(r"<noscript>.*?</noscript>", re.DOTALL)
_SERVICE_DESCRIPTION = re.compile(
    r"<!--(?:(?!-->).)*?-->\s*<link rel=\"service-desc\"[^>]*>", re.DOTALL
)
_ICON = re.compile(r"<link rel=\"shortcut icon\"[^>]*>")
_SHELL = (
    '<div id="desk-shell" aria-hidden="true"><div class="shell-strip">Trading Dashboard</div>'
    '<div class="shell-nav"></div></div>'
)


def page_routes() -> list[BaseRoute]:
    """Return the routes of the page itself and of ``/assets``."""
    pages: list[BaseRoute] = [Route(path, _page, methods=["GET"]) for path in PAGE_PATHS]
    return [
        *pages,
        Route("/assets/desk.css", _stylesheet, methods=["GET"]),
        Route("/assets/{path:path}", _asset, methods=["GET"]),
        _Elsewhere("/{path:path}", _unknown, methods=["GET"]),
    ]


class _Elsewhere(Route):
    """Every address that is neither ours nor Streamlit's; Streamlit would send its own shell."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Leave Streamlit its own."""
        if str(scope.get("path", "")).startswith(STREAMLIT_PATHS):
            return Match.NONE, {}
        return super().matches(scope)


@lru_cache(maxsize=1)
def index_html() -> str:
    """Return Streamlit's index with our head: no inline script, so that the policy can forbid it.

    Raises:
        RuntimeError: Streamlit's page no longer looks as expected (the version is pinned).
    """
    import streamlit  # late: 0.8 s, and only its location

    text = (Path(streamlit.__file__).parent / "static" / "index.html").read_text("utf-8")
    text = _INLINE_SCRIPT.sub("", text)
    text = _SERVICE_DESCRIPTION.sub("", text)
    text = _NOSCRIPT.sub("<noscript>The desk needs JavaScript.</noscript>", text)
    text = _ICON.sub('<link rel="icon" type="image/svg+xml" href="/assets/favicon.svg" />', text)
    text = text.replace("<title>Streamlit</title>", "<title>Trading Dashboard</title>")
    text = text.replace('"./', '"/')
    text = text.replace('<script type="module"', f'{_head()}<script type="module"', 1)
    text = text.replace('<div id="root">', f'{_SHELL}<div id="root">')
    if "/assets/desk.css" not in text or "desk-shell" not in text:
        raise RuntimeError("Streamlit's index.html is not the one this version was written for.")
    return text


@lru_cache(maxsize=1)
def stylesheet() -> str:
    """Return one stylesheet: the tokens, the shared parts and each component's own."""
    files = [*sorted((ASSETS / "css").glob("*.css")), *sorted(COMPONENTS.glob("*/*.css"))]
    return "\n".join(path.read_text("utf-8") for path in files)


def _head() -> str:
    preloads = "".join(
        f'<link rel="modulepreload" href="/assets/{module}" />' for module in PRELOADED_MODULES
    )
    return (
        '<link rel="stylesheet" href="/assets/desk.css" />'
        '<script src="/assets/js/theme.js"></script>'
        f"{preloads}"
        '<script type="module" src="/assets/js/boot.js"></script>'
    )


async def _page(_request: Request) -> Response:
    return HTMLResponse(index_html(), headers={"cache-control": "no-cache"})


async def _unknown(request: Request) -> Response:
    if "." in request.path_params["path"]:
        return Response("Not found", 404, media_type="text/plain")
    body = '<p>There is no such page on this desk.</p><p><a href="/">Open the Overview</a></p>'
    return plain_page("Page not found", body, 404)


async def _stylesheet(request: Request) -> Response:
    text = stylesheet()
    etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'
    headers = {"cache-control": "no-cache", "etag": etag}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(text, media_type="text/css", headers=headers)


async def _asset(request: Request) -> Response:
    path = (ASSETS / request.path_params["path"]).resolve()
    media_type = _MEDIA_TYPES.get(path.suffix)
    if media_type is None or ASSETS.resolve() not in path.parents or not path.is_file():
        return Response("Not found", 404, media_type="text/plain")
    headers = {"cache-control": "no-cache"}
    stat = path.stat()
    etag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
    headers["etag"] = etag
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return FileResponse(path, media_type=media_type, headers=headers, stat_result=stat)
