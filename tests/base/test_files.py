"""Files appear whole, and what a killed writer left goes with the next one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lcom.base.files import whole, write_text


def test_an_error_leaves_the_earlier_file(tmp_path: Path) -> None:
    write_text(tmp_path / "a.csv", "before")
    with pytest.raises(RuntimeError), whole(tmp_path / "a.csv") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert (tmp_path / "a.csv").read_text() == "before"


def test_what_a_killed_writer_left_is_removed_and_a_living_one_is_left_alone(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib; from lcom.base.files import whole\n"
        "with whole(sys.argv[1]) as t: t.write_text('half'); os.kill(os.getpid(), 9)"
    )
    path = tmp_path / "a[1].csv"
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    living, other = tmp_path / f".a[1].csv.{os.getppid()}.tmp", tmp_path / ".b.csv.1.tmp"
    for file in (living, other):
        file.write_text("in use")
    write_text(path, "whole")
    assert set(tmp_path.iterdir()) == {path, living, other}
