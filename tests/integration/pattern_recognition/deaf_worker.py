"""A worker that stays when its parent is gone: what the pool's workers would be without a watch."""

from __future__ import annotations

import os
import sys
import time
from typing import NoReturn

from trading_dashboard.agents.pattern_recognition.scan import worker


def stay(status: int) -> NoReturn:
    while True:
        time.sleep(1)


if __name__ == "__main__":
    os._exit = stay
    sys.exit(worker.main(sys.argv[1:]))
