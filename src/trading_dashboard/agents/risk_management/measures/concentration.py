"""How much of a portfolio is how little: shares of gross exposure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from trading_dashboard.models.risk.errors import InvalidScenario, NotEnoughData


@dataclass(frozen=True, slots=True)
class Concentration:
    """Of the holdings, shorts counted by their size.

    Attributes:
        index: Herfindahl and Hirschman's, ``Σ w²``: 1/N to 1.
        effective: ``1 / index``: as many equal holdings are as concentrated.
        largest: Share of the largest, 0 to 1.
        largest_at: Which one it is.
    """

    index: float
    effective: float
    largest: float
    largest_at: int


def concentration(values: ArrayLike) -> Concentration:
    """Return the concentration of holdings, shape ``(N,)``, currency, cash not among them.

    Hirschman (1964), "The paternity of an index", American Economic Review 54(5), 761-762.

    Raises:
        InvalidScenario: A value is not finite.
        NotEnoughData: Nothing is held.
    """
    sizes = np.abs(np.asarray(values, np.float64))
    if not np.isfinite(sizes).all():
        raise InvalidScenario("A holding's value is not finite")
    largest = float(sizes.max(initial=0))
    if largest == 0:
        raise NotEnoughData("Concentration needs a holding", observed="nothing is held")
    # In units of the largest, so that no sum overflows.
    shares = sizes / largest
    shares /= shares.sum()
    index = float(shares @ shares)
    at = int(np.argmax(shares))
    return Concentration(index, 1 / index, float(shares[at]), at)
