"""A process that owns a pool whose workers are busy for ever; it is there to be killed.

    python -m tests.integration.pattern_recognition.scan_owner [deaf]

Prints its workers' numbers once they are at work. With `deaf`, workers do not notice their parent's
end: the control arm.
"""

from __future__ import annotations

import sys
import threading
import time
from types import SimpleNamespace

from tests.unit.pattern_recognition.scan import tasks
from trading_dashboard.agents.pattern_recognition.scan import worker, worker_process
from trading_dashboard.agents.pattern_recognition.scan.process_pool import ProcessPool


def main() -> None:
    if "deaf" in sys.argv:
        deaf = SimpleNamespace(**vars(worker) | {"__name__": f"{__package__}.deaf_worker"})
        worker_process.program = deaf  # type: ignore[assignment, attr-defined]
    pool = ProcessPool(2)
    threading.Thread(target=run, args=(pool,), daemon=True).start()
    while not (len(pool.workers) == 2 and all(one.is_ready for one in pool.workers)):
        time.sleep(0.01)
    sys.stdout.write(f"{pool.pids[0]} {pool.pids[1]}\n")
    sys.stdout.flush()
    time.sleep(60)


def run(pool: ProcessPool) -> None:
    list(pool.map(tasks.hangs, tasks.universe(200)))


if __name__ == "__main__":
    main()
