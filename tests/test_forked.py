"""What stands for Python in the jobs of the tests is as Python is: its status, its words, and its end."""

from __future__ import annotations

import os
import select
import subprocess
import time
from pathlib import Path

import pytest

from tests import forked


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["-m", "lcom.stages.split", "--help"], 0, "usage: "),
        (["-m", "lcom.stages.split", "--nope"], 2, "required: --crystals"),
        (["-c", "print('itself'); raise SystemExit(3)"], 3, "itself\n"),
    ],
)
def test_a_job_ends_as_it_would_by_itself(arguments: list[str], status: int, said: str) -> None:
    job = subprocess.run(
        [forked.python_of_jobs(), *arguments], cwd=forked.ROOT, capture_output=True, text=True, check=False
    )
    assert job.returncode == status and said in job.stdout + job.stderr


def test_a_job_that_is_killed_is_gone(tmp_path: Path) -> None:
    fifo = tmp_path / "config"
    os.mkfifo(fifo)
    others = [f"--{name}={{}}" for name in ("compounds", "config", "train", "val", "report")]
    options = ["--crystals", fifo, *others]
    job = subprocess.Popen([forked.python_of_jobs(), "-m", "lcom.stages.split", *options], cwd=forked.ROOT)
    handle = _when_it_reads(fifo)
    job.kill()
    job.wait()
    waiting = select.poll()
    waiting.register(handle, select.POLLERR)  # nobody reads any more
    assert waiting.poll(10_000)
    os.close(handle)


def _when_it_reads(fifo: Path) -> int:
    begun = time.monotonic()
    while True:
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # not yet
            assert time.monotonic() - begun < 60
            time.sleep(0.05)
