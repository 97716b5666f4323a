"""May be traded, and why not: a state machine that fails closed, and what it watches.

    causes    what can close the gate, how far, and what to do about it
    gate      the state: causes latched, reopening refused while one lasts (pure)
    memory    the state as it is journalled, and read back after a restart
    moment    what is looked at: the clocks and the feed, at one moment
    watch     what looks: fresh data, upstream, lease, clocks, store (pure)
    keeper    all of it together: one look, one state
    probe     the kill switch shows that it holds

Time is passed in; nothing here waits, sleeps or touches a file.
"""
