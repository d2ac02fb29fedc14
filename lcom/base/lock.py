"""Locks between processes: one at a time works on a state, whichever run or machine it belongs to.

The kernel drops a lock with the process that holds it, so a kill leaves none behind.
"""

from __future__ import annotations

import errno
import logging
import os
import shlex
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger("lcom")

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)  # of a file system, such as Lustre without `flock`
PATIENCE = 30.0  # s: what an orphan needs to end, and more


class AtWork(ValueError):
    """Another process holds the lock; the message says which one."""


def take(path: Path, wait: float | None = 0.0) -> FileLock:
    """Take a lock, which ``release`` of the returned object, or the end of the process, gives back.

    wait: seconds; None: as long as it takes. Raises `AtWork`. Where the file system has no locks, nothing is held.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, thread_local=False, fallback_to_soft=False)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if wait == 0:
                raise
            log.warning("%s: waiting for it to end", _at_work(path))
            lock.acquire(timeout=-1 if wait is None else wait, poll_interval=0.2)
        path.write_text(_this(), encoding="utf-8")
    except Timeout:
        raise AtWork(_at_work(path)) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        log.warning("%s: no locks on this file system: see to it that no two runs work on the same results", path)
    return lock


@contextmanager
def held(path: Path, wait: float | None = 0.0) -> Generator[None]:
    """Hold a lock as ``take`` does; its file goes when the block ends."""
    lock = take(path, wait)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # before the release: whoever waits for the old file sees that it has no name
        lock.release()


@contextmanager
def at_work_on(target: str | os.PathLike) -> Generator[None]:
    """Nobody else works on a folder or file meanwhile: a lock beside it is held. Raises `AtWork`.

    On Slurm a job may outlive the run that submitted it; its successor waits as long as it takes.
    """
    with held(Path(f"{target}.lock"), None if "SLURM_JOB_ID" in os.environ else PATIENCE):
        yield


def _this() -> str:
    command = shlex.join([Path(sys.argv[0]).stem, *sys.argv[1:]])
    return f"process {os.getpid()} on {socket.gethostname()} since {datetime.now():%d %b %H:%M:%S} ({command[:60]}…)\n"


def _at_work(path: Path) -> str:
    try:
        holder = path.read_text(encoding="utf-8", errors="replace").split("\n")[0]
    except OSError:
        holder = ""
    return f"{holder or 'another process'} is at work here and holds {path}"
