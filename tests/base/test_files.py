"""Files appear whole, as readable as their neighbours, and what a killed writer left goes with the next one."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lcom.base.files import HOST, DiskError, whole, write_text
from lcom.base.tensors import save_tensors


def test_an_error_leaves_the_earlier_file_alone(tmp_path: Path) -> None:
    write_text(tmp_path / "a.csv", "before")
    with pytest.raises(RuntimeError), whole(tmp_path / "a.csv") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert (tmp_path / "a.csv").read_text() == "before" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("collected", [True, False], ids=["collected", "a zombie"])
def test_what_a_killed_writer_left_is_removed_and_a_living_one_is_left_alone(tmp_path: Path, collected: bool) -> None:
    code = (
        "import os, sys, pathlib; from lcom.base.files import whole\n"
        "with whole(sys.argv[1]) as t: t.write_text('half'); os.kill(os.getpid(), 9)"
    )
    path = tmp_path / "a[1].csv"
    process = subprocess.Popen([sys.executable, "-c", code, str(path)])
    os.waitid(os.P_PID, process.pid, os.WEXITED | (0 if collected else os.WNOWAIT))
    assert [file.name for file in tmp_path.iterdir()] == [f".a[1].csv.{HOST}-{process.pid}.tmp"]
    others = [
        tmp_path / f".a[1].csv.{HOST}-{os.getppid()}.tmp",  # a living process
        tmp_path / f".a[1].csv.elsewhere-{process.pid}.tmp",  # of another machine, where that number may be alive
        tmp_path / f".b.csv.{HOST}-{process.pid}.tmp",  # another target
    ]
    for file in others:
        file.write_text("in use")
    write_text(path, "whole")
    assert set(tmp_path.iterdir()) == {path, *others}
    process.wait()


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640)])
def test_every_file_gets_the_mode_that_others_get(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_text(tmp_path / "a.json", "{}")
        save_tensors(tmp_path / "a.safetensors", {"x": torch.zeros(1)}, {})
    finally:
        os.umask(before)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "a.json": mode,
        "a.safetensors": mode,
    }


@pytest.mark.parametrize("kind", ["text", "tensors"])
def test_a_full_disk_is_said_and_leaves_the_earlier_file(tmp_path: Path, kind: str) -> None:
    """A limit to the size of files stands for the full disk: the kernel refuses a write in the middle, too."""
    path = tmp_path / "out"
    path.write_text("before")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(DiskError, match=r"out cannot be written: File too large"):
            if kind == "text":
                write_text(path, "x" * 10_000)
            else:
                save_tensors(path, {"x": torch.zeros(10_000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_text() == "before" and len(list(tmp_path.iterdir())) == 1
