"""What a fill costs. Pure."""

from __future__ import annotations

from decimal import Decimal

from trading_dashboard.agents.risk_management.account.money import CONTEXT, ZERO, cents
from trading_dashboard.models.risk.account import Order
from trading_dashboard.models.risk.broker_settings import BrokerSettings

BPS = Decimal(10_000)


def fee_of(settings: BrokerSettings, order: Order, quantity: Decimal, price: Decimal) -> Decimal:
    """Return the fee of one more fill, in cents, never below zero.

    The order's fee as a whole is what its rates come to, between the minimum and the maximum; a
    fill is charged what that is more than was charged before. So an order filled in ten parts costs
    what it does in one.
    """
    before = ZERO
    if order.average_price is not None:
        before = CONTEXT.multiply(order.average_price, order.filled_quantity)
    traded = CONTEXT.add(before, CONTEXT.multiply(price, quantity))
    units = order.filled_quantity + quantity
    return max(ZERO, order_fee(settings, units, traded) - order.fees)


def order_fee(settings: BrokerSettings, units: Decimal, traded: Decimal) -> Decimal:
    """Return the fee of an order that traded so many units for so much money."""
    rates = CONTEXT.add(
        CONTEXT.multiply(settings.fee_per_unit, units), _points(traded, settings.fee_bps)
    )
    fee = max(rates, settings.fee_minimum)
    if settings.fee_maximum_bps is not None:
        fee = min(fee, _points(traded, settings.fee_maximum_bps))
    return cents(fee)


def _points(amount: Decimal, bps: Decimal) -> Decimal:
    return CONTEXT.divide(CONTEXT.multiply(amount, bps), BPS)
