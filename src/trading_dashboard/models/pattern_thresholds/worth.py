"""What the statistics of patterns' worth can be set to."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

ATR_BARS = 14


class WorthSettings(BaseModel):
    """Thresholds of the ledger. Changing `horizons` or `minimum_base` rebuilds it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    horizons: tuple[int, ...] = Field(
        default=(5, 10, 20),
        min_length=1,
        max_length=4,
        description="After how many bars a pattern's move is measured.",
    )
    minimum_samples: int = Field(
        default=30,
        ge=5,
        le=100_000,
        description="Outcomes below which the verdict is `too_few` and there is no confidence.",
    )
    minimum_blocks: int = Field(
        default=10,
        ge=3,
        le=10_000,
        description="The same for separate stretches of time the outcomes fall in.",
    )
    minimum_base: int = Field(
        default=100,
        ge=20,
        le=100_000,
        description="Moves of a symbol that must be known before its patterns count: without a "
        "base rate there is nothing to compare with.",
    )
    significance: float = Field(
        default=0.05,
        gt=0,
        le=0.5,
        description="Adjusted p-value from which the verdict is `edge`.",
    )
    base_strength: float = Field(
        default=50.0,
        ge=0,
        le=10_000,
        description="Separate moves of a symbol at which its own base rate weighs as much as that "
        "of all symbols, and of all together at which theirs weighs as much as one half.",
    )

    @property
    def lookback(self) -> int:
        """Return how many sound bars before a new one are needed to count it exactly."""
        return max(self.horizons) + ATR_BARS + 1

    @field_validator("horizons")
    @classmethod
    def _check_horizons(cls, horizons: tuple[int, ...]) -> tuple[int, ...]:
        if list(horizons) != sorted(set(horizons)) or horizons[0] < 1 or horizons[-1] > 250:
            raise ValueError("horizons are growing numbers of bars, from 1 to 250")
        return horizons
