"""The section `broker` of the risk management agent's settings: how paper orders are filled."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Points = Annotated[Decimal, Field(ge=0, le=1_000, allow_inf_nan=False)]
Money = Annotated[Decimal, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class BrokerSettings(BaseModel):
    """Slippage, fees and how much of the market's volume an order may take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slippage_bps: Points = Field(
        default=Decimal(1),
        description="What a fill is worse than the price it is made from, in hundredths of a "
        "percent. A limit is never exceeded.",
    )
    use_quotes: bool = Field(
        default=True,
        description="Buy at the ask and sell at the bid where the source tells them, instead of at "
        "the last price.",
    )
    volume_share: Annotated[Decimal, Field(gt=0, le=1)] | None = Field(
        default=Decimal("0.1"),
        description="At most this share of what the market traded since the tick before is filled "
        "from one tick, by all orders of the symbol together; the rest works on. `null` fills all "
        "at once, as do symbols whose source tells no volume.",
    )
    fee_per_unit: Money = Field(
        default=Decimal("0.005"), description="Fee for each share or coin traded."
    )
    fee_bps: Points = Field(
        default=Decimal(0), description="Fee in hundredths of a percent of what is traded."
    )
    fee_minimum: Money = Field(
        default=Decimal(1), description="Least fee of an order that is filled at least in part."
    )
    fee_maximum_bps: Annotated[Decimal, Field(gt=0, le=10_000)] | None = Field(
        default=Decimal(100),
        description="Highest fee of an order, in hundredths of a percent of what it traded; goes "
        "before the minimum. `null` for none.",
    )
