"""Processes that end with another one: a job with the Snakemake that started it, a worker with its stage.

Killed by ``kill -9``, a process takes nothing along. Linux can signal a child whose parent dies (PR_SET_PDEATHSIG), but between Snakemake
and a job there is a shell. So a thread of the job looks twice a second whether Snakemake is still there.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

# Its value names the process that the jobs end with. The workflow sets it to the Snakemake that runs jobs on this machine: on Slurm the
# one inside the job, whatever becomes of the one that submitted it.
VARIABLE = "LCOM_ENDS_WITH"
INTERVAL = 0.5  # s
ENDED = ("Z", "X")  # states of a process that nobody has collected: in a container without an init that may last


def this_process() -> str:
    """A name that no later process on this machine will have, such as "4711 8123456"; "" where there is no /proc."""
    return f"{os.getpid()} {_started(os.getpid())}" if _started(os.getpid()) else ""


def is_alive(process: str) -> bool:
    """Whether a process that ``this_process`` named is there, on this machine. One that waits to be collected is not."""
    pid, _, started = process.partition(" ")
    return _started(int(pid)) == started


def end_with(process: str) -> None:
    """End this process, hard, as soon as the one of that name is gone. "": never."""
    if process:
        threading.Thread(target=_watch, args=(process,), daemon=True).start()


def _watch(process: str) -> None:
    while is_alive(process):
        time.sleep(INTERVAL)
    print(f"error: process {process.split()[0]}, which started this one, is gone: the end", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def runs(pid: int) -> bool:
    """Whether a process of that number, of any user, is there, on this machine. One that waits to be collected is not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    fields = _fields(pid)
    return not fields or fields[0] not in ENDED


def _started(pid: int) -> str:
    """When a process began, in clock ticks since the machine did; "" if it is gone."""
    fields = _fields(pid)
    return "" if not fields or fields[0] in ENDED else fields[19]


def _fields(pid: int) -> list[str]:
    """What Linux says of a process from its state on (proc_pid_stat(5)); [] where it says nothing."""
    try:
        # the name of the program, in parentheses, may hold anything
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
