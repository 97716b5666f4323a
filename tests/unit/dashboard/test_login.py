"""Login links and sessions: what is let in, and what is not."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_dashboard.dashboard.sessions import SESSION_SECONDS, Sessions
from trading_dashboard.models.errors import Unauthorized
from trading_dashboard.models.login import mint_login_token, sign, unsign, verify_login_token

KEY = b"k" * 32


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(tmp_path: Path, clock: Clock) -> Sessions:
    return Sessions(lambda: KEY, tmp_path / "run" / "used-logins", clock)


def test_a_fresh_link_is_worth_a_session(sessions: Sessions, clock: Clock) -> None:
    cookie = sessions.open(mint_login_token(KEY, clock.now))

    assert sessions.is_open(cookie)


def test_a_link_works_once_even_after_a_restart(
    sessions: Sessions, clock: Clock, tmp_path: Path
) -> None:
    token = mint_login_token(KEY, clock.now)
    sessions.open(token)
    restarted = Sessions(lambda: KEY, tmp_path / "run" / "used-logins", clock)

    for each in (sessions, restarted):
        with pytest.raises(Unauthorized, match="used before"):
            each.open(token)


def test_used_links_are_readable_by_nobody_else(
    sessions: Sessions, clock: Clock, tmp_path: Path
) -> None:
    sessions.open(mint_login_token(KEY, clock.now))

    mode = (tmp_path / "run" / "used-logins").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_link_expires(sessions: Sessions, clock: Clock) -> None:
    token = mint_login_token(KEY, clock.now, ttl_seconds=600)
    clock.now += 600

    with pytest.raises(Unauthorized, match="expired"):
        sessions.open(token)


def test_a_session_expires(sessions: Sessions, clock: Clock) -> None:
    cookie = sessions.open(mint_login_token(KEY, clock.now))
    clock.now += SESSION_SECONDS

    assert not sessions.is_open(cookie)


@pytest.mark.parametrize("token", ["", ".", "a.b", "é.é", "A" * 300, "AAAA.AAAA"])
def test_a_malformed_link_is_refused(sessions: Sessions, token: str) -> None:
    with pytest.raises(Unauthorized, match="not valid"):
        sessions.open(token)


def test_a_link_of_another_run_is_refused(sessions: Sessions, clock: Clock) -> None:
    with pytest.raises(Unauthorized):
        sessions.open(mint_login_token(b"another" * 5, clock.now))


def test_without_a_key_nothing_is_let_in(tmp_path: Path, clock: Clock) -> None:
    sessions = Sessions(lambda: b"", tmp_path / "used", clock)

    with pytest.raises(Unauthorized):
        sessions.open(mint_login_token(b"", clock.now))
    assert not sessions.is_open(sign(b"", b"session|", b"x" * 24))


def test_a_login_token_is_no_session_and_a_session_is_no_login(
    sessions: Sessions, clock: Clock
) -> None:
    token = mint_login_token(KEY, clock.now)
    cookie = sessions.open(token)

    assert not sessions.is_open(mint_login_token(KEY, clock.now))
    with pytest.raises(Unauthorized):
        sessions.open(cookie)


def test_csrf_values_belong_to_one_session(sessions: Sessions, clock: Clock) -> None:
    one = sessions.open(mint_login_token(KEY, clock.now))
    other = sessions.open(mint_login_token(KEY, clock.now))

    assert sessions.is_csrf_valid(one, sessions.csrf(one))
    assert not sessions.is_csrf_valid(one, sessions.csrf(other))
    assert not sessions.is_csrf_valid(one, "")
    assert not sessions.is_csrf_valid(one, "é")


@given(st.binary(max_size=40), st.integers(min_value=0), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(payload: bytes, place: int, change: int) -> None:
    token = sign(KEY, b"login|", payload).encode()
    index = place % len(token)
    changed = token[:index] + bytes([token[index] ^ change]) + token[index + 1 :]

    assert unsign(KEY, b"login|", token.decode()) == payload
    assert unsign(KEY, b"login|", changed.decode("latin-1")) in (None, payload)
    if changed.partition(b".")[0] != token.partition(b".")[0]:
        assert unsign(KEY, b"login|", changed.decode("latin-1")) is None


def test_a_grant_tells_nonce_and_expiry() -> None:
    grant = verify_login_token(KEY, mint_login_token(KEY, 100.0, 50), 120.0)

    assert (len(grant.nonce), grant.expires_at) == (16, 150)
