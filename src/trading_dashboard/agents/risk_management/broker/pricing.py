"""At which price an order could be filled from a tick, if at all. Pure."""

from __future__ import annotations

from decimal import Decimal

from trading_dashboard.agents.risk_management.account.money import CEILING, CONTEXT, FLOOR, step
from trading_dashboard.agents.risk_management.broker.fees import BPS
from trading_dashboard.agents.risk_management.broker.ticks import Tick
from trading_dashboard.models.risk.account import Order, OrderType, Side
from trading_dashboard.models.risk.broker_settings import BrokerSettings

STOPS = (OrderType.STOP, OrderType.STOP_LIMIT)


def is_triggered_by(order: Order, tick: Tick) -> bool:
    """Return whether the last price has reached the stop of an order that has one."""
    if order.type not in STOPS or order.triggered or order.stop_price is None:
        return False
    if order.side == "buy":
        return tick.price >= order.stop_price
    return tick.price <= order.stop_price


def market_price(settings: BrokerSettings, side: Side, tick: Tick) -> Decimal:
    """Return what the market asks of a buyer, or offers a seller, before slippage."""
    quote = tick.ask if side == "buy" else tick.bid
    return quote if settings.use_quotes and quote is not None else tick.price


def fill_price(settings: BrokerSettings, order: Order, market: Decimal) -> Decimal | None:
    """Return the price of a fill, slippage included; None if the limit is not reached.

    A limit that the market has passed is filled at the market's price, as a stop is; slippage is
    borne up to the limit and never beyond it.
    """
    limit = order.limit_price
    is_buy = order.side == "buy"
    if limit is not None and (market > limit if is_buy else market < limit):
        return None
    slippage = CONTEXT.divide(CONTEXT.multiply(market, settings.slippage_bps), BPS)
    if is_buy:
        price = step(market + slippage, CEILING)
        return price if limit is None else min(price, limit)
    price = step(market - slippage, FLOOR)
    return price if limit is None else max(price, limit)
