"""Ends every process of a run when its supervisor is gone. Run as a script, never imported.

Owns the last line of defence and nothing else: it starts nothing, restarts nothing and signals
nobody who does not provably belong to the run. Standard library only, and little of that, so that
it starts in a few milliseconds and stays small:

    python -I -S guardian.py RUN_ID RUN_TAG SUPERVISOR_PID START_TICKS GRACE_SECONDS LOG_FILE

`guardian_keeper` sends the text of this file ahead on standard input instead of naming the file.

Its standard input is a pipe from the supervisor. Lines: ``+PID START_TICKS`` a leader was started
(its session is the run's), ``-PID`` a leader was reaped, ``q`` the run ended cleanly. The pipe's
end without ``q``, or the supervisor's end, means the supervisor died. The guardian then asks all
processes of the run to end, kills after the grace period, and goes once nobody is left.
"""

import os
import select
import signal
import sys
import time

if sys.platform == "linux":
    import resource

assert sys.platform != "win32"  # noqa: S101 - tells the type checker

LOOK_SECONDS = 0.02
GIVE_UP_SECONDS = 30.0
CATCH_UP_ROUNDS = 20
CHASE_SECONDS = 0.1
YOUNGEST = 8
YOUNGEST_PASSES = 50
CYCLE_SECONDS = 1.0
ROWS_PER_LOOK = 64
LOCKS_LIMIT = 10  # RLIMIT_LOCKS; see run_tag.py
TREE_BITS = 20

Row = tuple[int, bool, int, int, int, int]
"""Start ticks, whether it lives, parent, group, session, number of the run that tagged it."""
Table = tuple[dict[int, Row], bool]
"""Rows by pid, and whether nobody can be missing in them."""


class Run:
    """The run that is guarded: how its processes are told from all others."""

    def __init__(self, run_id: str, tag: int, supervisor: int, since_ticks: int) -> None:
        self.tag = tag
        self._entry = b"\0TRADING_DASHBOARD_RUN_ID=" + os.fsencode(run_id) + b"\0"
        self._never = {0, 1, os.getpid(), supervisor}
        self._since_ticks = since_ticks
        self._seen: dict[int, int] = {}
        self.leaders: dict[int, int] = {}
        self.is_sure = False
        """Whether the last look proved that who was not found is not alive."""

    def members(self) -> dict[int, int]:
        """Return the living processes of the run: pid and start ticks."""
        rows, self.is_sure = read_table(self._since_ticks)
        found = {pid for pid, row in rows.items() if self._belongs(pid, row)}
        grew = True
        while grew:
            led = {pid for pid in found if rows[pid][4] == pid}
            more = {pid for pid, row in rows.items() if row[2] in found or row[4] in led} - found
            grew = bool(more)
            found |= more
        found = {pid for pid in found - self._never if rows[pid][1]}
        self._seen = {pid: rows[pid][0] for pid in found}
        # A session's number is safe to go by only as long as somebody of ours is in it.
        inhabited = {rows[pid][4] for pid in found}
        self.leaders = {pid: start for pid, start in self.leaders.items() if pid in inhabited}
        return self._seen

    def _belongs(self, pid: int, row: Row) -> bool:
        if self._seen.get(pid) == row[0]:
            return True
        leader_start = self.leaders.get(row[4])
        if leader_start is not None and row[0] >= leader_start:
            return True
        if row[5] == self.tag:
            return True
        return self._entry in b"\0" + read(f"/proc/{pid}/environ") + b"\0"


def main(arguments: list[str]) -> None:
    """Guard the run until it has ended, one way or the other."""
    run_id, tag, supervisor, since, grace, log_file = arguments
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGTSTP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    os.chdir("/")
    run = Run(run_id, int(tag), int(supervisor), int(since))
    is_clean = listen(run, int(supervisor), int(since))
    # A clean run leaves nothing; look all the same.
    first = run.members()
    if not first and run.is_sure:
        return
    reason = "the run ended" if is_clean else "the supervisor died"
    log(log_file, f"{reason}; ending {len(first)} processes of run {run_id}")
    killed, left = end(run, float(grace))
    doubt = "" if run.is_sure else ", and processes came and went too fast to be sure"
    log(log_file, f"done; {killed} had to be killed, {left} are left{doubt}")


def listen(run: Run, supervisor: int, since_ticks: int) -> bool:
    """Return when there is something to do: True if the run ended cleanly."""
    poll = select.poll()
    poll.register(0, select.POLLIN)
    # Elsewhere there is nothing to wait on but the pipe.
    alive = hold(supervisor, since_ticks) if sys.platform == "linux" else None
    if alive is not None:
        poll.register(alive, select.POLLIN)
    os.set_blocking(0, False)
    pending = b""
    while True:
        # Without a hold on the supervisor (not Linux, or it is gone) the pipe alone tells.
        ready = {descriptor for descriptor, _ in poll.poll()}
        is_over = alive in ready
        while True:
            try:
                data = os.read(0, 65536)
            except BlockingIOError:
                break
            if not data:
                is_over = True
                break
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                if line == b"q":
                    return True
                note(run, line)
        if is_over:
            return False


def note(run: Run, line: bytes) -> None:
    """Take in one message."""
    words = line[1:].split()
    if line.startswith(b"+") and len(words) == 2:
        # The table of `ps` tells no start times: every row there says 0.
        run.leaders[int(words[0])] = int(words[1]) if sys.platform == "linux" else 0
    elif line.startswith(b"-") and len(words) == 1:
        run.leaders.pop(int(words[0]), None)


def end(run: Run, grace_seconds: float) -> tuple[int, int]:
    """Ask, wait, kill, until two looks find nobody. Return how many were killed and are left."""
    started = time.monotonic()
    asked: set[tuple[int, int]] = set()
    killed: set[tuple[int, int]] = set()
    empty_looks = 0
    found: dict[int, int] = {}
    while empty_looks < 2 and time.monotonic() - started < GIVE_UP_SECONDS:
        found = run.members()
        empty_looks = 0 if found or not run.is_sure else empty_looks + 1
        if time.monotonic() - started < grace_seconds:
            for process in set(found.items()) - asked:
                send(process, signal.SIGTERM)
                # One that is stopped cannot hear the request.
                send(process, signal.SIGCONT)
                asked.add(process)
        else:
            for leader in run.leaders:
                kill_group(leader)
            for process in found.items():
                send(process, signal.SIGKILL)
                killed.add(process)
            chase(run.tag)
        time.sleep(LOOK_SECONDS)
    return len(killed), len(found)


def send(process: tuple[int, int], number: int) -> None:
    """Signal a process, given its pid and start ticks. Holds no descriptor: there may be many."""
    descriptor = hold(*process)
    if descriptor is None:
        return
    try:
        if sys.platform == "linux":
            signal.pidfd_send_signal(descriptor, number)
        else:
            os.kill(process[0], number)
    except OSError:
        return
    finally:
        os.close(descriptor)


def chase(tag: int) -> None:
    """Kill those of the run who are gone again before the whole table is read.

    Only those born since the last list are looked at, until nobody is or the time is over; and
    between the lists, which dead links make long, those born last.
    """
    known: set[int] = set()
    until = time.monotonic() + CHASE_SECONDS
    while sys.platform == "linux" and time.monotonic() < until:
        born = set(list_pids()) - known
        if not born:
            return
        known |= born
        for pid in born:
            kill_tagged(pid, tag)
        for _ in range(YOUNGEST_PASSES):
            last = last_pid()
            for pid in range(last, max(last - YOUNGEST, 0), -1):
                kill_tagged(pid, tag)


def kill_tagged(pid: int, tag: int) -> None:
    """Kill a process if it carries the tag."""
    if sys.platform == "linux" and pid != os.getpid() and read_tag(pid) == tag:
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            return
        try:
            # Read after the pidfd was opened: none but ours can be hit.
            if read_tag(pid) == tag:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        except OSError:
            return
        finally:
            os.close(descriptor)


def kill_group(leader: int) -> None:
    """Kill a group of ours as a whole, which no fork can slip past."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except OSError:
        return


def hold(pid: int, start_ticks: int) -> int | None:
    """Return a descriptor that means this process and never another, or None if it is gone."""
    if sys.platform == "linux":
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            return None
        row = read_row(pid)
        if row is None or row[0] != start_ticks:
            os.close(descriptor)
            return None
        return descriptor
    else:  # noqa: RET505 - the type checker looks at one of the two
        return os.open(os.devnull, os.O_RDONLY) if pid in read_table(0)[0] else None


def read_table(since_ticks: int) -> Table:
    """Return the processes started since then."""
    if sys.platform == "linux":
        return read_table_from_proc(since_ticks)
    else:  # noqa: RET505 - the type checker looks at one of the two
        return read_table_from_ps(), True


class Numbers:
    """Notices when pids began again at the low ones."""

    def __init__(self) -> None:
        self.began_again = False
        self._seen, self._seen_at = last_pid(), time.monotonic()

    def look(self) -> None:
        """Compare with the last look."""
        seen, now = last_pid(), time.monotonic()
        if seen < self._seen or now - self._seen_at > CYCLE_SECONDS:
            self.began_again = True
        self._seen, self._seen_at = seen, now


def read_table_from_proc(since_ticks: int) -> Table:
    """Return the processes started since then. Why this misses nobody: `whole_table.py`."""
    rows: dict[int, Row] = {}
    others: set[int] = set()
    rounds, numbers = 0, Numbers()
    for _ in range(CATCH_UP_ROUNDS):
        has_ended = False
        born = [pid for pid in list_pids() if pid not in rows and pid not in others]
        for index, pid in enumerate(reversed(born)):
            if index % ROWS_PER_LOOK == 0:
                numbers.look()
            row = read_row(pid)
            has_ended = has_ended or row is None or not row[1]
            if row is not None and row[0] >= since_ticks:
                rows[pid] = row
            else:
                others.add(pid)
        numbers.look()
        rounds += 1
        if numbers.began_again:
            rows.clear()
            others.clear()
            rounds, numbers.began_again = 0, False
        elif rounds > 1 and not has_ended:
            return rows, True
    return rows, False


def last_pid() -> int:
    """Return the pid that was given out last."""
    return int((read("/proc/loadavg") or b"0").split()[-1])


def list_pids() -> list[int]:
    """Return all pids."""
    names = os.listdir("/proc")  # noqa: PTH208 - pathlib costs memory here
    return [int(name) for name in names if name.isdecimal()]


def read_row(pid: int) -> Row | None:
    """Return the row of one process, or None."""
    data = read(f"/proc/{pid}/stat")
    if not data:
        return None
    fields = data[data.rindex(b")") + 2 :].split()
    parent, group, session = int(fields[1]), int(fields[2]), int(fields[3])
    # One whose first thread has ended alone looks like a zombie; its other threads run on.
    is_alive = fields[0] not in b"ZX" or int(fields[17]) > 1
    return int(fields[19]), is_alive, parent, group, session, read_tag(pid)


def read_tag(pid: int) -> int:
    """Return the number of the run that tagged a process, or what else stands there."""
    if sys.platform == "linux":
        try:
            return resource.prlimit(pid, LOCKS_LIMIT)[0] >> TREE_BITS
        except OSError:
            return 0
    else:
        return 0


def read_table_from_ps() -> dict[int, Row]:
    """Return all processes. There is no start time that could be compared: all zeros."""
    rows = {}
    with os.popen("ps -axo pid=,state=,ppid=,pgid=") as lines:  # noqa: S605 - a constant
        for line in lines:
            pid, state, parent, group = line.split()
            # A session's leader leads its first group, too; ps here does not show sessions.
            rows[int(pid)] = (0, state[:1] != "Z", int(parent), int(group), int(group), 0)
    return rows


def read(path: str) -> bytes:
    """Return a file's content, or nothing if it cannot be read."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - pathlib costs memory here
            return file.read()
    except OSError:
        return b""


def log(path: str, text: str) -> None:
    """Append a line to the log; a guardian must not fail for want of one."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    try:
        with open(path, "a") as file:  # noqa: PTH123 - pathlib costs memory here
            file.write(f"{stamp} guardian {text}\n")
    except OSError:
        return


if __name__ == "__main__":
    main(sys.argv[1:])
