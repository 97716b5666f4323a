"""``GET /login`` and the page shown to whoever is not logged in.

Owns these two answers and what plain pages look like. What a token is worth is `sessions`.
"""

from __future__ import annotations

import html

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from trading_dashboard.dashboard.sessions import SESSION_SECONDS, Sessions
from trading_dashboard.models.errors import TradingDashboardError, Unauthorized

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">{head}
<title>Trading Dashboard</title><style>
:root{{color-scheme:dark light}}body{{margin:0;min-height:100vh;display:grid;place-items:center;
background:#0b0e14;color:#d9dee7;font:15px/1.6 system-ui,sans-serif}}
main{{max-width:460px;margin:16px;padding:24px 28px;background:#11151d;border:1px solid #232a37;
border-radius:8px}}h1{{font-size:17px;margin:0 0 8px}}p{{margin:0 0 10px;color:#8b95a7}}
a{{color:#5b9dff}}code{{color:#d9dee7;background:#1b2230;border-radius:4px;padding:2px 6px}}
@media (prefers-color-scheme:light){{body{{background:#f5f6f8;color:#1b2230}}
main{{background:#fff;border-color:#e0e4ea}}p{{color:#5d6778}}a{{color:#1f6feb}}
code{{color:#1b2230;background:#e9edf3}}}}
</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"""

_HOW_TO = (
    "<p>Open the link that was printed in the terminal when the desk started, or print a new one "
    "in the project's folder:</p><p><code>trading-dashboard login</code></p>"
    "<p>Each link works once, for ten minutes.</p>"
)


def signed_out_page(refusal: TradingDashboardError) -> Response:
    """Return 401 with the way in."""
    body = f"<p>{html.escape(refusal.message)}</p>{_HOW_TO}"
    return plain_page("Log in to your trading desk", body, 401)


def plain_page(title: str, body: str, status: int = 200, *, head: str = "") -> Response:
    """Return a page that needs nothing but itself; all three texts are HTML."""
    page = _PAGE.format(head=head, title=title, body=body)
    return HTMLResponse(page, status, headers={"cache-control": "no-store"})


class LoginPage:
    """Trades a link for a session. The token never reaches a log: access logs are off."""

    def __init__(self, sessions: Sessions, cookie_name: str) -> None:
        self._sessions = sessions
        self._cookie_name = cookie_name

    async def __call__(self, request: Request) -> Response:
        """Set the session cookie and lead to the page; a link used twice gets the way in."""
        if request.method != "GET":
            return Response(status_code=405, headers={"allow": "GET"})
        try:
            cookie = self._sessions.open(request.query_params.get("token", ""))
        except Unauthorized as refusal:
            if self._sessions.is_open(request.cookies.get(self._cookie_name)):
                return _onwards(request)
            return signed_out_page(refusal)
        response = _onwards(request)
        response.set_cookie(
            self._cookie_name, cookie, max_age=SESSION_SECONDS, httponly=True, samesite="strict"
        )
        return response


def _onwards(request: Request) -> Response:
    # A strict cookie is not sent along a redirect that another site began (a web terminal, a
    # mail), so there the way to the page begins on ours.
    if request.headers.get("sec-fetch-site") == "cross-site":
        head = '<meta http-equiv="refresh" content="0;url=/">'
        body = '<p>You are logged in. <a href="/">Open the desk</a></p>'
        return plain_page("Trading Dashboard", body, head=head)
    return RedirectResponse("/", 303, headers={"cache-control": "no-store"})
