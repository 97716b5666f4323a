"""What saves calls of TA-Lib changes nothing of what is found."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
import talib

from tests.unit.pattern_recognition.candles.series import DAY, rows_of, walk
from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.candle_examples import EXAMPLES, LEAD_IN
from trading_dashboard.agents.pattern_recognition.candles import exact, finding
from trading_dashboard.agents.pattern_recognition.candles.catalogue import CANDLE_NUMBERS
from trading_dashboard.agents.pattern_recognition.candles.detector import detect_candles
from trading_dashboard.agents.pattern_recognition.candles.exact import Piece, sound_rows
from trading_dashboard.agents.pattern_recognition.candles.rare import KICKS, WORTH_A_LOOK

# Prices of one decimal are often tied, so that a sum a last bit off would tell.
ROUGH = [walk(seed, 900, volatility=0.03 + 0.01 * (seed % 4), digits=1) for seed in range(8)]
KICKINGS = ("CDLKICKING", "CDLKICKINGBYLENGTH")


def kicked(name: str, *, is_mirrored: bool = False) -> Bars:
    """Return a long series of ordinary bars with one example in it."""
    ordinary = LEAD_IN * (WORTH_A_LOOK // len(LEAD_IN) + 1)
    table = np.array((*ordinary, *EXAMPLES[name], *ordinary), float).T
    opened, high, low, close = table
    if is_mirrored:
        opened, high, low, close = 200 - opened, 200 - low, 200 - high, 200 - close
    return Bars(np.arange(len(opened)) * DAY, opened, high, low, close, np.ones(len(opened)))


def values(bars: Bars, name: str) -> dict[int, int]:
    """Return what TA-Lib says, by bar."""
    said = getattr(talib, name)(bars.open, bars.high, bars.low, bars.close)
    return {int(bar): int(said[bar]) // 100 for bar in np.flatnonzero(said)}


def found(bars: Bars, name: str, patterns: tuple[str, ...] | None) -> dict[int, int]:
    hits = detect_candles(bars, patterns)
    own = hits.pattern == CANDLE_NUMBERS[name]
    return dict(zip(hits.bar[own].tolist(), hits.direction[own].tolist(), strict=True))


@pytest.mark.parametrize("name", KICKINGS)
@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize("patterns", [None, KICKINGS, ("CDLMARUBOZU", *KICKINGS)])
def test_a_kick_is_found(name: str, is_mirrored: bool, patterns: tuple[str, ...] | None) -> None:
    bars = kicked(name, is_mirrored=is_mirrored)
    assert len(values(bars, name)) == 1
    assert found(bars, name, patterns) == values(bars, name)


def test_where_none_may_be_talib_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control arm, too: a look that never sees one costs the kick."""
    bars, calm = kicked("CDLKICKING"), walk(1, 2_000)
    functions = list(finding._FUNCTIONS)
    asked: list[int] = []

    def noting(number: int, *prices: np.ndarray) -> np.ndarray:
        asked.append(number)
        answer: np.ndarray = functions[number](*prices)
        return answer

    numbers = range(len(functions))
    monkeypatch.setattr(
        finding,
        "_FUNCTIONS",
        [lambda *prices, number=one: noting(number, *prices) for one in numbers],
    )
    detect_candles(calm)
    assert sorted(asked) == sorted(set(numbers) - KICKS)
    assert found(bars, "CDLKICKING", None)
    monkeypatch.setattr(finding, "may_kick", lambda *_: False)
    assert not found(bars, "CDLKICKING", None)


def apart(pieces: Iterable[Piece]) -> Iterable[Piece]:
    return pieces


def without_rests(run: list[Piece]) -> Piece:
    columns = (np.concatenate([piece.prices[column] for piece in run]) for column in range(4))
    opened, high, low, close = columns
    rows = np.concatenate([piece.told_rows() for piece in run])
    return Piece(run[0].start, run[0].told_from, (opened, high, low, close), rows)


def test_pieces_put_together_say_what_each_says_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    together = [rows_of(detect_candles(bars)) for bars in ROUGH]
    fewer = [len(list(sound_rows(bars).pieces())) for bars in ROUGH]
    with monkeypatch.context() as patch:
        patch.setattr(exact, "_put_together", apart)
        assert [rows_of(detect_candles(bars)) for bars in ROUGH] == together
        alone = [len(list(sound_rows(bars).pieces())) for bars in ROUGH]
    assert sum(alone) > 1.5 * sum(fewer)
    # Control arm: without rows between them, one's sums would spoil the next.
    monkeypatch.setattr(exact, "_joined_with_rests", without_rests)
    assert [rows_of(detect_candles(bars)) for bars in ROUGH] != together


def test_no_piece_put_together_is_longer_than_what_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    together = [rows_of(detect_candles(bars)) for bars in ROUGH]
    monkeypatch.setattr(exact, "LONGEST_PIECE", 100)
    monkeypatch.setattr(finding, "LONGEST_PIECE", 100)
    for bars, hits in zip(ROUGH, together, strict=True):
        rows = sound_rows(bars)
        assert max(map(len, rows.pieces())) <= 100 + 2 * exact.DECIDING_ROWS
        assert rows_of(detect_candles(bars)) == hits
