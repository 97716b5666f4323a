"""What is bounded, where it stands, and whether an order may be placed.

    view        what is asked of the account
    exposure    positions and open orders in sums that are kept, not computed anew
    losses      yesterday's returns on today's positions: VaR before and after an order
    defaults    the limits of a new account
    limits      the limits, changed by journalled entries, and where they stand
    rules       what an order must satisfy
    check       the pre-trade check; it reserves what it lets through, in one step
    pace        orders of the last minute

Pure: time is passed in; no event loop, no files.
"""
