"""Setting up from nothing: what `run_dashboard.py` and `run_tests.py` share.

Standard library only, since it runs before anything is installed, on Python 3.11 or newer (the two
scripts check that first). It is no part of the installed package.

    environment.py   where the environment is, what it must match, whether it stands
    installer.py     makes, updates and repairs it
    uv.py            finds or fetches uv, runs commands with visible progress
    lock.py          lets one set-up run at a time
    failures.py      what can go wrong, in one sentence each
    dashboard.py     the command `run_dashboard.py`
    checks.py        the command `run_tests.py`
"""
