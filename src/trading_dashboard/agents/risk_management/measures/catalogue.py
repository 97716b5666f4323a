"""What each measure is: name, unit, formula, source. One entry an id; nothing is computed here.

Formulas say which denominator and which quantile they use, since two right programs may differ by
these alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from trading_dashboard.models.risk.measures import Measure, VarMethod

Unit = Literal["currency", "fraction", "ratio", "days", "index", "count"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What does not depend on the portfolio.

    Attributes:
        id: Stable.
        name: For people.
        unit: Of the value.
        formula: With its conventions.
        citation: Where the formula is from.
        is_annualised: Whether the value is a year's.
    """

    id: str
    name: str
    unit: Unit
    formula: str
    citation: str
    is_annualised: bool = False

    def measure(self, value: float | None, **facts: Any) -> Measure:
        """Return the measure with its value and what else is known of it."""
        return Measure(
            id=self.id,
            name=self.name,
            value=value,
            unit=self.unit,
            annualised=self.is_annualised,
            formula=self.formula,
            citation=self.citation,
            **facts,
        )


_SAMPLE = "smallest loss with F(loss) ≥ α (inverted_cdf, no interpolation)"
_MEAN = "mean of exactly the worst 1 − α of probability"
_MCNEIL = "McNeil, Frey, Embrechts (2015), Quantitative Risk Management, 2nd ed."
_ACERBI = (
    "Acerbi, Tasche (2002), On the coherence of expected shortfall, J. Banking & Finance 26(7)"
)

_VAR: dict[VarMethod, tuple[str, str, str, str]] = {
    VarMethod.HISTORICAL: (
        "historical",
        f"{_SAMPLE} over the window's P&L = Σ value × return; × √h",
        f"{_MEAN} of the window's P&L; × √h",
        _ACERBI,
    ),
    VarMethod.AGE_WEIGHTED: (
        "age-weighted",
        f"{_SAMPLE}, a day of age i weighing λ^i (1 − λ)/(1 − λ^n); × √h",
        f"{_MEAN}, weighted by age; × √h",
        "Boudoukh, Richardson, Whitelaw (1998), The best of both worlds, Risk 11(5); " + _ACERBI,
    ),
    VarMethod.FILTERED_HISTORICAL: (
        "filtered historical",
        f"{_SAMPLE} over σ(T+1) × P&L(t)/σ(t), σ by EWMA or GARCH(1,1); h > 1: drawn paths",
        f"{_MEAN} of the same; h > 1: drawn paths along which σ follows",
        ("Barone-Adesi, Giannopoulos, Vosper (1999), VaR without correlations, J. Futures Markets "
        "19(5); Hull, White (1998), J. Risk 1(1)"),
    ),
    VarMethod.NORMAL: (
        "normal",
        "−μh + σ√h Φ⁻¹(α), σ with n − 1",
        "−μh + σ√h φ(Φ⁻¹(α))/(1 − α), σ with n − 1",
        _MCNEIL + ", 2.3",
    ),
    VarMethod.STUDENT_T: (
        "Student's t",
        "−μh + s√h t⁻¹(α; ν); μ, s, ν by maximum likelihood, 2.1 ≤ ν ≤ 100",
        "−μh + s√h g(t)/(1 − α) × (ν + t²)/(ν − 1), t = t⁻¹(α; ν), g its density",
        _MCNEIL + ", 2.3; Lange, Little, Taylor (1989), JASA 84(408)",
    ),
    VarMethod.CORNISH_FISHER: (
        "Cornish-Fisher",
        ("−μh − σ√h w, w = z + (z² − 1)S/6 + (z³ − 3z)K/24 − (2z³ − 5z)S²/36, z = Φ⁻¹(1 − α); "
        "σ with n − 1, S and K with n, over h days S/√h and K/h"),
        "−μh + σ√h φ(z)/(1 − α) (1 + zS/6 + (z² − 1)K/24 − (2z² − 1)S²/36): w integrated",
        ("Cornish, Fisher (1938), Revue de l'Institut International de Statistique 5(4); Maillard "
        "(2012), A user's guide to the Cornish Fisher expansion"),
    ),
    VarMethod.MONTE_CARLO_NORMAL: (
        "Monte Carlo, normal",
        f"{_SAMPLE} over drawn −v·(μh + √h D L z), L L' the correlations, D the deviations (n − 1)",
        f"{_MEAN} of the drawn losses",
        ("Glasserman (2004), Monte Carlo Methods in Financial Engineering, 2.3, 9.1; errors: "
        "Manistre, Hancock (2005), Variance of the CTE estimator, NAAJ 9(2)"),
    ),
    VarMethod.MONTE_CARLO_T_COPULA: (
        "Monte Carlo, t copula",
        (f"{_SAMPLE} over drawn losses: ranks by a t copula (ρ = sin(πτ/2), ν by pairwise "
        "likelihood), returns by each holding's own history; × √h"),
        f"{_MEAN} of the drawn losses; × √h",
        "Demarta, McNeil (2005), The t copula and related copulas, Int. Statistical Review 73(1); "
        + _MCNEIL + ", 7.5",
    ),
}  # fmt: skip

_TODAYS = "of today's holdings over the window, P&L / equity compounded"
_CHEKHLOV = (
    "Chekhlov, Uryasev, Zabarankin (2005), Drawdown measure in portfolio optimization, IJTAF 8(1)"
)
_MAGDON = "Magdon-Ismail, Atiya (2004), Maximum drawdown, Risk 17(10)"
_MARTIN = "Martin, McCann (1989), The Investor's Guide to Fidelity Funds"

_ENTRIES = (
    Entry("volatility.close_to_close", "Volatility", "fraction",
          "√(252 Σ(r − r̄)²/(n − 1)), simple returns",
          "Hull (2022), Options, Futures, and Other Derivatives, 11th ed., 15.4", True),
    Entry("volatility.ewma", "Volatility, EWMA", "fraction",
          "√(252 Σ λ^i r²(T−i) / Σ λ^i), λ = 0.94, mean zero, weights normed",
          "J.P. Morgan/Reuters (1996), RiskMetrics Technical Document, 4th ed., 5.2", True),
    Entry("volatility.garch", "Volatility, GARCH(1,1)", "fraction",
          "√(252 σ²(T+1)), σ²(t+1) = ω + α ε²(t) + β σ²(t), quasi maximum likelihood",
          "Bollerslev (1986), J. Econometrics 31(3)", True),
    Entry("volatility.parkinson", "Volatility, Parkinson", "fraction",
          "√(252 Σ ln(H/L)² / (4 n ln 2)); without what happens overnight",
          "Parkinson (1980), J. Business 53(1)", True),
    Entry("volatility.yang_zhang", "Volatility, Yang-Zhang", "fraction",
          "√(252 (V_overnight + k V_open-to-close + (1 − k) V_Rogers-Satchell)), "
          "k = 0.34/(1.34 + (n + 1)/(n − 1)), V with n − 1",
          "Yang, Zhang (2000), J. Business 73(3)", True),
    Entry("beta", "Beta", "ratio", "cov(r, b)/var(b) over common days",
          "Sharpe (1964), Capital asset prices, J. Finance 19(3)"),
    Entry("drawdown.current", "Drawdown", "fraction", f"1 − W/max W, {_TODAYS}", _MAGDON),
    Entry("drawdown.maximum", "Maximum drawdown", "fraction",
          f"max(1 − W/max W), {_TODAYS}", _MAGDON),
    Entry("drawdown.days", "Days below the peak", "days", f"days since max W, {_TODAYS}", _MAGDON),
    Entry("drawdown.longest_days", "Longest time below a peak", "days",
          f"longest run of days with W < max W, {_TODAYS}", _MAGDON),
    Entry("drawdown.cdar", "Conditional drawdown at risk", "fraction",
          f"mean of the worst 1 − α of daily drawdowns, {_TODAYS}", _CHEKHLOV),
    Entry("drawdown.ulcer", "Ulcer index", "fraction", f"√(Σ drawdown²/n), {_TODAYS}", _MARTIN),
    Entry("account.drawdown.current", "Drawdown of the account", "fraction",
          "1 − E/max E, E the account's equity", _MAGDON),
    Entry("account.drawdown.maximum", "Maximum drawdown of the account", "fraction",
          "max(1 − E/max E), E the account's equity", _MAGDON),
    Entry("ratio.sharpe", "Sharpe ratio", "ratio",
          "√252 mean(r − f/252)/std(r, n − 1), r = P&L / equity",
          "Sharpe (1994), The Sharpe ratio, J. Portfolio Management 21(1)", True),
    Entry("ratio.sortino", "Sortino ratio", "ratio",
          "√252 mean(r − f/252)/√(Σ min(r − f/252, 0)²/n), over all n",
          "Sortino, Price (1994), J. Investing 3(3)", True),
    Entry("ratio.calmar", "Calmar ratio", "ratio",
          "(Π(1 + r))^(252/n) − 1 over the maximum drawdown, same window",
          "Young (1991), Calmar ratio: a smoother tool, Futures 20(1)", True),
    Entry("concentration.hhi", "Concentration", "index", "Σ w², w = |value| / gross",
          "Hirschman (1964), The paternity of an index, AER 54(5)"),
    Entry("concentration.effective", "Effective holdings", "count", "1 / Σ w²",
          "Hirschman (1964), The paternity of an index, AER 54(5)"),
    Entry("concentration.largest", "Largest holding", "fraction", "max |value| / gross",
          "Roncalli (2013), Introduction to Risk Parity and Budgeting"),
    Entry("liquidity.days_to_leave", "Days to leave", "days",
          "|quantity| / (participation × mean volume of 20 days); of the slowest",
          "Almgren, Chriss (2001), Optimal execution of portfolio transactions, J. Risk 3(2)"),
    Entry("liquidity.after_one_day", "Left after a day", "fraction",
          "1 − Σ |value| min(1, 1/days) / gross; unknown volume stays",
          "Almgren, Chriss (2001), Optimal execution of portfolio transactions, J. Risk 3(2)"),
)  # fmt: skip


def _tail_entries() -> dict[str, Entry]:
    entries = {}
    for method, (name, var, shortfall, citation) in _VAR.items():
        for kind, title, formula in (
            ("var", "Value at risk", var),
            ("es", "Expected shortfall", shortfall),
        ):
            id_ = f"{kind}.{method.value}"
            entries[id_] = Entry(id_, f"{title}, {name}", "currency", formula, citation)
    return entries


CATALOGUE: dict[str, Entry] = {entry.id: entry for entry in _ENTRIES} | _tail_entries()
"""Every measure by its id."""
