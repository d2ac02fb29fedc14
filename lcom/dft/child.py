"""A calculation in a process of its own: one that dies hard, for want of memory or by a fault of a library, leaves someone to record it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TypeVar

from lcom.base.processes import end_with, this_process

T = TypeVar("T")

MARGIN = 60.0  # s before the time limit of a cluster's job, for the record


class Died(ValueError):
    """The calculation ended without an answer; the message is the reason to record."""


def in_child(function: Callable[[], T]) -> T:
    """The answer of the function, or the exception that it raised, from a copy of this process. Raises `Died`.

    On Slurm it is stopped a minute before the job's time is over.
    """
    sys.stdout.flush()
    context = multiprocessing.get_context("fork")  # the imports are there already
    answers, to_parent = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(function, to_parent, this_process()))
    process.start()
    to_parent.close()  # so that the child's is the only one, and its death the end of the file
    try:
        if not answers.poll(_seconds_left()):
            raise Died("stopped by the time limit of its job")
        good, answer = answers.recv()
    except EOFError:
        process.join()
        raise Died(_how(process.exitcode or 0)) from None
    finally:
        process.kill()
        process.join()
    if not good:
        raise answer
    return answer


def _work(function: Callable[[], T], to_parent: Connection, parent: str) -> None:
    end_with(parent)
    try:
        answer = True, function()
    except Exception as error:
        traceback.print_exc()
        answer = False, error
    to_parent.send(answer)


def _how(code: int) -> str:
    if code >= 0:
        return f"GPAW ended with status {code}"
    name = signal.Signals(-code).name
    return f"killed by signal {-code} ({'out of memory?' if name == 'SIGKILL' else name})"


def _seconds_left() -> float | None:
    end = os.environ.get("SLURM_JOB_END_TIME", "")
    return max(0.0, float(end) - MARGIN - time.time()) if end.isdecimal() else None
