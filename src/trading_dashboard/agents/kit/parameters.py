"""Query parameters that a route does not have are refused: misspelt, they would select everything.

Owns the kind of route every agent's application makes. Who asks without a query pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

from trading_dashboard.config.schema import did_you_mean

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRoute(APIRoute):
    """A route that refuses parameters it does not tell of in the OpenAPI document."""

    def get_route_handler(self) -> Handler:
        """Return what answers, after a look at the names of what is asked."""
        answer = super().get_route_handler()
        known = _known(self)

        async def look_and_answer(request: Request) -> Response:
            if request.scope["query_string"]:
                _refuse_unknown(request, known)
            return await answer(request)

        return look_and_answer


def _known(route: APIRoute) -> list[str]:
    """Return the names of a route's parameters, those included that only its description has."""
    described = (route.openapi_extra or {}).get("parameters", ())
    extra = [one["name"] for one in described if one.get("in") == "query"]
    return [*_declared(route.dependant), *extra]


def _declared(dependant: Dependant) -> Iterator[str]:
    """Yield the parameters of a function and of what it depends on, one by one or as a model."""
    for field in dependant.query_params:
        kind = field.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from (one.alias or name for name, one in kind.model_fields.items())
        else:
            yield field.alias
    for inner in dependant.dependencies:
        yield from _declared(inner)


def _refuse_unknown(request: Request, known: list[str]) -> None:
    """Raise `RequestValidationError` if a parameter is none of these."""
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise RequestValidationError(
            [
                {"loc": ("query", name[:64]), "msg": _problem(name, known), "input": value}
                for name in unknown
                for value in request.query_params.getlist(name)[:1]
            ]
        )


def _problem(name: str, known: list[str]) -> str:
    return f"There is no such parameter. {did_you_mean(name[:64], known)}"
