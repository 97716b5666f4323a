"""Finding symbols by what a person types: `aapl`, `app`, `micro`, `appel`.

Owns the ranking: the symbol itself, symbols that begin so, names that begin so, names with words
that begin so, anything that contains it, and only when there is none of these, near misses. Built
once for many questions; a question over 20,000 symbols takes a few milliseconds.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence

MAX_TEXT = 64
_EXACT, _SYMBOL_BEGINS, _NAME_BEGINS, _WORDS_BEGIN, _CONTAINS = range(5)
_MIN_FUZZY = 3
_LONG_WORD = 5
_MAX_CANDIDATES = 400
_LAST = "\U0010ffff"

_WORD = re.compile(r"[^\W_]+")


class SymbolIndex:
    """Symbols with their names, ready to be searched."""

    def __init__(self, entries: Sequence[tuple[str, str]]) -> None:
        """Take (symbol, name) pairs; answers are their indices."""
        self._symbols = [symbol.upper() for symbol, _ in entries]
        self._names = [name.upper() for _, name in entries]
        self._by_symbol = sorted((symbol, i) for i, symbol in enumerate(self._symbols))
        self._by_word = sorted(
            {(word, i) for i, name in enumerate(self._names) for word in _WORD.findall(name)}
        )
        self._pairs: dict[str, list[int]] | None = None

    def search(self, text: str) -> list[int]:
        """Return the indices of all that fit, best first."""
        wanted = " ".join(text.upper().split())[:MAX_TEXT]
        if not wanted:
            return sorted(range(len(self._symbols)), key=self._symbols.__getitem__)
        ranks: dict[int, int] = {}
        for i in _beginning(self._by_symbol, wanted):
            ranks[i] = _EXACT if self._symbols[i] == wanted else _SYMBOL_BEGINS
        for i in self._with_words(_WORD.findall(wanted)):
            begins = self._names[i].startswith(wanted)
            ranks.setdefault(i, _NAME_BEGINS if begins else _WORDS_BEGIN)
        if len(wanted) > 1:
            for i, (symbol, name) in enumerate(zip(self._symbols, self._names, strict=True)):
                if wanted in symbol or wanted in name:
                    ranks.setdefault(i, _CONTAINS)
        if not ranks and len(wanted) >= _MIN_FUZZY:
            return self._near(wanted)
        return sorted(ranks, key=lambda i: (ranks[i], len(self._symbols[i]), self._symbols[i]))

    # Private

    def _with_words(self, words: Sequence[str]) -> set[int]:
        """Return what has, for each word, one in its name that begins so."""
        found: set[int] = set()
        for n, word in enumerate(words):
            having = set(_beginning(self._by_word, word))
            found = having if n == 0 else found & having
        return found

    def _near(self, wanted: str) -> list[int]:
        """Return what is a slip of the finger away, nearest first."""
        if self._pairs is None:
            self._pairs = self._paired()
        shared: Counter[int] = Counter()
        for pair in _pairs(wanted):
            shared.update(self._pairs.get(pair, ()))
        allowed = 1 if len(wanted) < _LONG_WORD else 2
        found = []
        for i, _ in shared.most_common(_MAX_CANDIDATES):
            texts = [self._symbols[i], *_WORD.findall(self._names[i])]
            distance = min(edit_distance(wanted, text, allowed) for text in texts)
            if distance <= allowed:
                found.append((distance, len(self._symbols[i]), self._symbols[i], i))
        return [i for *_, i in sorted(found)]

    def _paired(self) -> dict[str, list[int]]:
        pairs: dict[str, list[int]] = {}
        for i, (symbol, name) in enumerate(zip(self._symbols, self._names, strict=True)):
            for pair in {pair for text in (symbol, *_WORD.findall(name)) for pair in _pairs(text)}:
                pairs.setdefault(pair, []).append(i)
        return pairs


def edit_distance(a: str, b: str, limit: int) -> int:
    """Return how many letters are wrong, missing, too many or swapped; `limit + 1` for more.

    Optimal string alignment: a swap of two neighbours counts once.
    """
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, start=1):
        previous, row = row, [i]
        for j, other in enumerate(b, start=1):
            cost = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
        before = previous
    return min(row[-1], limit + 1)


def _beginning(ordered: Sequence[tuple[str, int]], text: str) -> Iterable[int]:
    first = bisect_left(ordered, (text, -1))
    last = bisect_left(ordered, (text + _LAST, -1))
    return (i for _, i in ordered[first:last])


def _pairs(text: str) -> set[str]:
    return {text[i : i + 2] for i in range(len(text) - 1)}
