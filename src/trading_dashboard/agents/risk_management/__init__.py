"""The risk management agent: a paper account, risk numbers, limits, and the trading gate.

    account/     what is owned: entries of the journal played into cash, positions, orders (pure)
    store/       the journal and the account on disk, in transactions
    broker/      paper orders filled from the live stream
    transfer/    import and export
    measures/    volatility, VaR, expected shortfall, drawdown, ratios, concentration (pure)
    backtests/   a VaR held against what came
    stress/      historical windows, shocks, reverse stress
    sizing/      how big a position should be
    limits/      what is bounded, and where it stands
    gate/        may be traded, and why not
    live/        follows the market, values the account, holds the desk together
    api/, streaming/

Everything that decides about an order is decided in one place and one thread (`live.desk`).
"""
