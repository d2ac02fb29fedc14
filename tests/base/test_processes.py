"""Whoever is told to end with a process does, also if that one was gone before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lcom.base.processes import INTERVAL, VARIABLE, is_alive, this_process

STAGE = "import time; from lcom.stages.common import run; run(lambda: time.sleep(60))"
SNAKEMAKE = f"""
import os, subprocess, sys, time
from lcom.base.processes import VARIABLE, this_process
os.environ[VARIABLE] = this_process()
shell = subprocess.Popen(["bash", "-c", '{{ {{ true; "$0" -c "$1"; }} > /dev/null; }}; true', sys.executable, {STAGE!r}])
print(shell.pid, flush=True)
time.sleep(60)
"""


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_job_behind_a_shell_ends_with_a_killed_snakemake() -> None:
    snakemake = subprocess.Popen([sys.executable, "-c", SNAKEMAKE], stdout=subprocess.PIPE, text=True)
    shell = int(snakemake.stdout.readline())
    begun = time.monotonic()
    while not (jobs := _children(shell)):
        assert time.monotonic() - begun < 30
        time.sleep(0.02)
    time.sleep(3)  # it has begun to watch
    assert Path(f"/proc/{jobs[0]}").exists()
    snakemake.send_signal(signal.SIGKILL)  # and stays a zombie: nobody collects it
    begun = time.monotonic()
    while Path(f"/proc/{jobs[0]}").exists():
        assert time.monotonic() - begun < 20 * INTERVAL, "an orphan"
        time.sleep(0.05)
    snakemake.wait()


def test_a_job_whose_snakemake_is_gone_already_does_not_begin() -> None:
    gone = subprocess.run(
        [sys.executable, "-c", "from lcom.base.processes import *; print(this_process())"],
        capture_output=True,
        text=True,
    ).stdout.strip()
    assert not is_alive(gone)
    job = subprocess.run(
        [sys.executable, "-c", STAGE], env=os.environ | {VARIABLE: gone}, capture_output=True, text=True
    )
    assert job.returncode == -signal.SIGKILL and "is gone" in job.stderr


def test_a_process_is_not_taken_for_a_later_one_of_its_number() -> None:
    pid, started = this_process().split()
    assert is_alive(this_process()) and not is_alive(f"{pid} {int(started) - 1}")


@pytest.mark.parametrize("start", ["forkserver", "spawn"])
def test_workers_end_with_their_stage(start: str) -> None:
    code = f"""
import time
from lcom.base.parallel import worker_pool
if __name__ == "__main__":
    with worker_pool(2, {start!r}) as pool:
        print(*pool.map(__import__("operator").attrgetter("real"), [1, 2]), flush=True)
        print(*pool._processes, flush=True)
        time.sleep(60)
"""
    stage = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert stage.stdout.readline() == "1 2\n"
    workers = stage.stdout.readline().split()
    assert workers
    stage.kill()
    stage.wait()
    begun = time.monotonic()
    while any(is_there(worker) for worker in workers):
        assert time.monotonic() - begun < 20 * INTERVAL, "idle workers stay"
        time.sleep(0.05)


def is_there(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
