"""What is owned: the journal's entries played into cash, holdings and orders. Pure.

entries      what can happen, one builder for each kind
book         the account, and the one way it changes
playing      what each kind of entry does
holdings     quantity, cost, lots and profit of one symbol
orders       the life of one order
actions      splits and dividends that are due
snapshots    a book as JSON, and back
money        decimals, cents and steps
"""
