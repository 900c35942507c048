"""Runs a program and tells wall seconds, CPU seconds of it and of its children, and its largest resident size.

It does not know what the program does.
"""

import os
import signal
import statistics
import time
from dataclasses import dataclass


@dataclass
class Sample:
    """One execution. `rss_mb` is of the largest process and never below this script's own size, which a child has
    until it becomes the program."""

    wall: float
    cpu: float
    rss_mb: float


class Failed(Exception):
    """The program ended with an error; carries the end of what it said."""


def once(words, cwd, env=None, timeout=None, status=(0,)):
    """Runs `words` (the first is a path) in `cwd` and returns a Sample.

    posix_spawn, since copying this process at a fork would cost as much as the quickest of the programs. What others
    left to be written is written before, so that nobody waits for it in the time of this one.
    """
    os.sync()
    home = os.getcwd()
    log = os.path.join(cwd, ".bench.log")
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    os.chdir(cwd)
    try:
        started = time.perf_counter()
        pid = os.posix_spawn(words[0], words, {**os.environ, **(env or {})}, file_actions=actions, setsid=True)
        code, usage = wait(pid, timeout)
        wall = time.perf_counter() - started
    finally:
        os.chdir(home)
    if code not in status:
        with open(log, errors="replace") as said:
            raise Failed(f"`{' '.join(words)}` ended with {code}: {said.read()[-500:]}")
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def wait(pid, timeout):
    """Waits for a process; past the limit ends its whole session."""

    def give_up(*_):
        os.killpg(pid, signal.SIGKILL)

    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, timeout or 0)
    try:
        _, status, usage = os.wait4(pid, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return os.waitstatus_to_exitcode(status), usage


def median(samples):
    """Returns the median of each figure on its own."""
    middle = statistics.median
    return Sample(
        middle(s.wall for s in samples), middle(s.cpu for s in samples), middle(s.rss_mb for s in samples)
    )
