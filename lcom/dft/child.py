"""Calculations in processes of their own: one that dies hard, of memory or by a fault of a library, leaves someone to record it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Generic, TypeVar, cast

from lcom.base.processes import end_with, this_process

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

MARGIN = 60.0  # s before the time limit of a cluster's job, for the record


class Died(ValueError):
    """The calculation ended without an answer; the message is the reason to record."""


class Stopped(Died):
    """It had its share of the job's time, and more, and was stopped at the end of it."""


class Unfinished(ValueError):
    """The time of the job was over before the calculation had had its share: no fault of its own, and nothing to record."""


def in_child(function: Callable[[], T]) -> T:
    """The answer of the function, or the exception that it raised, from a copy of this process. Raises `Died`.

    On Slurm it is stopped a minute before the job's time is over.
    """
    ((_, answer),) = in_children([(0, function)], 1)
    if isinstance(answer, Exception):
        raise answer
    return answer


def in_children(tasks: Iterable[tuple[K, Callable[[], T]] | None], workers: int) -> Iterator[tuple[K, T | Exception]]:
    """(name, function) -> (name, answer, or the exception that the function raised, or `Died`), as they come, so many at a time.

    A task is asked for when there is room for it; None is one that must wait for another to end. When the job's time is over what runs
    is stopped: it has died if it had at least half of that time, and is `Unfinished` if not, as are all that come after it.
    """
    begun, waiting = time.monotonic(), iter(tasks)
    running: dict[Connection, _Child[K, T]] = {}
    try:
        more = True
        while more or running:
            while more and len(running) < workers:
                if not (task := next(waiting, ())):  # none is left, or the next must wait
                    more = task is None
                    break
                child = _Child.start(*task)
                running[child.answers] = child
            if not running:
                continue
            ready = cast("list[Connection]", wait(list(running), _seconds_left()))  # its types allow for sockets
            if not ready:
                break
            for connection in ready:
                child = running.pop(connection)
                yield child.name, child.answer()
        for child in [running.pop(connection) for connection in list(running)]:
            child.stop()
            fair = time.monotonic() - child.begun >= child.begun - begun
            yield child.name, Stopped("stopped by the time limit of its job") if fair else Unfinished()
        for name, _ in filter(None, waiting):
            yield name, Unfinished()
    finally:
        for child in running.values():
            child.stop()


@dataclass
class _Child(Generic[K, T]):
    """A calculation at work."""

    name: K
    process: BaseProcess
    answers: Connection
    begun: float

    @classmethod
    def start(cls, name: K, function: Callable[[], T]) -> _Child[K, T]:
        sys.stdout.flush()
        context = multiprocessing.get_context("fork")  # the imports are there already
        answers, to_parent = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(function, to_parent, this_process()))
        process.start()
        to_parent.close()  # so that the child's is the only one, and its death the end of the file
        return cls(name, process, answers, time.monotonic())

    def answer(self) -> T | Exception:
        try:
            return self.answers.recv()
        except EOFError:
            self.process.join()
            return Died(_how(self.process.exitcode or 0))
        finally:
            self.stop()

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.answers.close()


def _work(function: Callable[[], T], to_parent: Connection, parent: str) -> None:
    end_with(parent)
    try:
        answer = function()
    except Exception as error:
        traceback.print_exc()
        answer = error
    to_parent.send(answer)


def _how(code: int) -> str:
    if code >= 0:
        return f"GPAW ended with status {code}"
    name = signal.Signals(-code).name
    return f"killed by signal {-code} ({'out of memory?' if name == 'SIGKILL' else name})"


def _seconds_left() -> float | None:
    end = os.environ.get("SLURM_JOB_END_TIME", "")
    return max(0.0, float(end) - MARGIN - time.time()) if end.isdecimal() else None
