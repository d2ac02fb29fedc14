"""Worker processes, and a stream through them."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

from lcom.base.processes import end_with, this_process

A = TypeVar("A")
B = TypeVar("B")


def worker_pool(workers: int, start: str = "forkserver") -> ProcessPoolExecutor:
    """A pool of processes, each with one thread, that end with this one: a killed parent would leave them waiting for ever."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the workers
    context = multiprocessing.get_context(start)
    return ProcessPoolExecutor(workers, mp_context=context, initializer=end_with, initargs=(this_process(),))


def chunks(items: Iterable[A], size: int) -> Iterator[list[A]]:
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part


def ordered_map(function: Callable[[A], B], items: Iterable[A], workers: int) -> Iterator[B]:
    """map in worker processes, in order; no more than a few items a worker are on their way, however long the input is."""
    if workers == 1:
        yield from map(function, items)
        return
    pool = worker_pool(workers)
    try:
        waiting: deque = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= 4 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise ValueError(
            "a worker process was killed, as happens when memory runs out: give the job more, or fewer cores"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
