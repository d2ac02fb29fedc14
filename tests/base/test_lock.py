"""One at a time: the lock names its holder, goes with it, and does without where the file system has none."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import filelock._unix
import pytest

from lcom.base import lock
from lcom.base.lock import AtWork, at_work_on, take

HOLDER = """
import sys, time
from lcom.base.lock import at_work_on
with at_work_on(sys.argv[1]):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def _holder(target: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(target), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def test_who_comes_second_is_told_who_is_at_work(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE", 0.2)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    holder = _holder(tmp_path / "state", 60)
    with (
        pytest.raises(AtWork, match=rf"process {holder.pid} on \S+ since .*state\.lock"),
        at_work_on(tmp_path / "state"),
    ):
        pass
    assert (tmp_path / "state.lock").exists()  # not ours to remove
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with at_work_on(tmp_path / "state"):  # the kernel has dropped it
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("slurm", [False, True])
def test_who_waits_gets_it_when_the_other_ends(tmp_path: Path, monkeypatch, slurm: bool) -> None:
    """On Slurm without a limit. The file that was waited for is gone by then, and a third one must not get in."""
    if slurm:
        monkeypatch.setattr(lock, "PATIENCE", 0.01)
        monkeypatch.setenv("SLURM_JOB_ID", "7")
    holder = _holder(tmp_path / "state", 1.0)
    with at_work_on(tmp_path / "state"):
        assert holder.wait(10) == 0
        assert f"process {os.getpid()} " in (tmp_path / "state.lock").read_text()
        with pytest.raises(AtWork):
            take(tmp_path / "state.lock")


def test_many_at_once_go_one_after_the_other(tmp_path: Path) -> None:
    code = """
import os, sys, time
from lcom.base.lock import at_work_on
for _ in range(20):
    with at_work_on(sys.argv[1]):
        descriptor = os.open(sys.argv[1], os.O_CREAT | os.O_EXCL)  # fails if another one is in here
        time.sleep(0.002)
        os.close(descriptor)
        os.unlink(sys.argv[1])
"""
    target = str(tmp_path / "alone")
    processes = [subprocess.Popen([sys.executable, "-c", code, target]) for _ in range(4)]
    assert [process.wait(120) for process in processes] == [0] * 4


@pytest.mark.parametrize(("code", "fails"), [(errno.ENOSYS, False), (errno.ENOLCK, False), (errno.EIO, True)])
def test_a_file_system_may_have_no_locks_but_no_other_fault(
    tmp_path: Path, monkeypatch, code: int, fails: bool
) -> None:
    def flock(*_) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(filelock._unix.fcntl, "flock", flock)
    with pytest.raises(OSError, match="Input/output error") if fails else nullcontext(), at_work_on(tmp_path / "state"):
        pass


def test_a_lock_that_is_taken_stays_until_the_process_ends(tmp_path: Path) -> None:
    code = (
        "import sys, time; from rules.common import hold_lock; from pathlib import Path; hold_lock(Path(sys.argv[1]))\n"
    )
    code += "import gc; gc.collect(); print('held', flush=True); time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "x/lock")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    with pytest.raises(AtWork, match=f"process {process.pid}"):
        take(tmp_path / "x/lock")
    process.kill()
    process.wait()
    begun = time.monotonic()
    take(tmp_path / "x/lock").release()
    assert time.monotonic() - begun < 5
