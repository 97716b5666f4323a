"""`/risk/…` and `/sizing`: what can be lost, what is bounded, how big a position should be."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response, Security

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.kit.answers import OrjsonResponse, example
from trading_dashboard.agents.risk_management.agent import RiskAgent
from trading_dashboard.agents.risk_management.api.answers import (
    CHANGES,
    COMPUTED,
    actor_of,
    computed,
)
from trading_dashboard.agents.risk_management.api.examples import (
    BACKTEST,
    LIMITS,
    RISK,
    SIZING,
    STRESS,
)
from trading_dashboard.agents.risk_management.live.questions import Questions
from trading_dashboard.models.risk.gate import LimitChange, LimitsResponse
from trading_dashboard.models.risk.measures import (
    BacktestResponse,
    PortfolioRisk,
    RiskQuestion,
    SizingQuestion,
    SizingResponse,
    StressQuestion,
    StressResponse,
    VarMethod,
)

_CONFIDENCE = Query(ge=0.8, le=0.999, description="Such as 0.95; the setting without it.")
_HORIZON = Query(ge=1, le=60, description="Sessions; the setting without it.")
_WINDOW = Query(ge=60, le=5_000, description="Daily returns looked at; the setting without it.")
_SYMBOL = Query(max_length=32, description="Its returns; those of the holdings without it.")
_METHOD = Query(description="Only this one; all without it.")


def add_risk(app: AgentApp, agent: RiskAgent, questions: Questions) -> None:
    """Add the routes."""
    _add_portfolio(app, questions)
    _add_scenarios(app, questions)

    @app.get(
        "/risk/limits", tags=["risk"], response_model=LimitsResponse, responses=example(LIMITS)
    )
    async def get_limits() -> Response:
        """All limits, and where they stand."""
        return OrjsonResponse(agent.limits_body())

    @app.put(
        "/risk/limits",
        tags=["risk"],
        response_model=LimitsResponse,
        dependencies=[Security(app.operator)],
        responses={**CHANGES, **example(LIMITS)},
    )
    async def put_limit(change: LimitChange, request: Request) -> Response:
        """Change one limit; neither soft nor hard turns it off. A closed gate stays closed."""
        await agent.acts.change_limit(change, actor_of(request, "operator"))
        agent.limits.evaluate()
        return OrjsonResponse(agent.limits_body())


def _add_portfolio(app: AgentApp, questions: Questions) -> None:
    @app.get(
        "/risk/portfolio",
        tags=["risk"],
        response_model=PortfolioRisk,
        responses={**COMPUTED, **example(RISK)},
    )
    async def get_portfolio_risk(
        request: Request,
        confidence: Annotated[float | None, _CONFIDENCE] = None,
        horizon_days: Annotated[int | None, _HORIZON] = None,
        window: Annotated[int | None, _WINDOW] = None,
    ) -> Response:
        """Every measure of the account, with its formula, source and window."""
        return await computed(request, questions.portfolio(confidence, horizon_days, window))

    @app.post(
        "/risk/calculate",
        tags=["risk"],
        response_model=PortfolioRisk,
        responses={**COMPUTED, **example(RISK)},
    )
    async def calculate_risk(request: Request, question: RiskQuestion) -> Response:
        """The same of holdings of one's own, at the newest prices."""
        return await computed(request, questions.calculate(question))

    @app.post(
        "/sizing",
        tags=["risk"],
        response_model=SizingResponse,
        responses={**COMPUTED, **example(SIZING)},
    )
    async def size_position(request: Request, question: SizingQuestion) -> Response:
        """How big a position should be by one method, with its reckoning. Places nothing."""
        return await computed(request, questions.size(question))


def _add_scenarios(app: AgentApp, questions: Questions) -> None:
    @app.get(
        "/risk/stress",
        tags=["risk"],
        response_model=StressResponse,
        responses={**COMPUTED, **example(STRESS)},
    )
    async def get_stress(request: Request) -> Response:
        """What the historical scenarios would do to the account."""
        return await computed(request, questions.stress(None))

    @app.post(
        "/risk/stress",
        tags=["risk"],
        response_model=StressResponse,
        responses={**COMPUTED, **example(STRESS)},
    )
    async def ask_stress(request: Request, question: StressQuestion) -> Response:
        """What shocks by hand do to the account or to other holdings, and what loses so much."""
        return await computed(request, questions.stress(question))

    @app.get(
        "/risk/backtest",
        tags=["risk"],
        response_model=BacktestResponse,
        responses={**COMPUTED, **example(BACKTEST)},
    )
    async def get_backtest(
        request: Request,
        symbol: Annotated[str | None, _SYMBOL] = None,
        method: Annotated[VarMethod | None, _METHOD] = None,
        confidence: Annotated[float | None, _CONFIDENCE] = None,
        window: Annotated[int | None, _WINDOW] = None,
    ) -> Response:
        """VaR held against what came, one day ahead, walked forward."""
        return await computed(request, questions.backtest(symbol, method, confidence, window))
