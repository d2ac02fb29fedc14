"""The machine's own faults, on real stages: a disk that is full or read-only, no memory, no network, a clock that was a day off."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lcom.base.settings import as_dict
from lcom.data.settings import CleanSettings
from lcom.data.sources.settings import SourceSettings
from rules.common import canonical
from tests.crystals import KNOWN
from tests.workflow.conftest import Project, finished, finished_once  # noqa: F401 (fixtures)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a small file system with these options."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("needs root and the right to mount")
        return folder

    yield mount
    subprocess.run(["umount", str(folder)], capture_output=True, check=False)


def source(data: Path, out: Path, wrapper: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """The stage that cleans a table of CIFs."""
    settings = SourceSettings("own", file=str(data), energy="energy")
    config = canonical({"source": as_dict(settings), "clean": as_dict(CleanSettings())})
    files = {name: str(out / f"{name}.out") for name in ("out", "rejected", "report", "plot")}
    options = [text for name, file in files.items() for text in (f"--{name}", file)]
    command = [*wrapper, sys.executable, "-m", "lcom.stages.source", "--dataset", "mine", "--config", config]
    return subprocess.run(
        [*command, "--input", str(data), *options], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    rows = [f'{k},"{KNOWN[formula].to_cif()}",{-1 - k}\n' for k, formula in enumerate(("NaCl", "ZnO", "Si"))]
    path.write_text("id,cif,energy\n" + "".join(rows))
    return path


@pytest.mark.parametrize(("options", "why"), [("size=4k", "No space left"), ("ro", "Read-only file system")])
def test_a_disk_that_takes_nothing_is_said_in_one_line(disk, data: Path, options: str, why: str) -> None:
    folder = disk(options)
    run = source(data, folder)
    assert run.returncode == 1 and "Traceback" not in run.stderr, run.stderr
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ") and str(folder) in last and why in last
    assert not list(folder.iterdir())


def test_a_stage_needs_no_network(data: Path, tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to cut the network")
    run = source(data, tmp_path, ("unshare", "-n"))
    assert run.returncode == 0, run.stderr


NO_MEMORY = {
    "numpy": "import numpy as np; np.ones(10**13)",
    "torch": "import torch; torch.ones(10**13)",
    "python": "bytearray(10**14)",
}


@pytest.mark.parametrize("package", list(NO_MEMORY))
def test_too_little_memory_is_said_in_one_line(package: str) -> None:
    code = f"from lcom.stages.common import run\ndef main():\n    {NO_MEMORY[package]}\nrun(main)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.strip().splitlines()[-1].startswith("error: there is not enough memory"), run.stderr
    assert "Traceback" not in run.stderr


def test_a_worker_that_is_killed_for_its_memory_is_said(tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(
        "import os\nfrom lcom.base.parallel import ordered_map\nfrom lcom.stages.common import run\n"
        "def one(k):\n    os.kill(os.getpid(), 9) if k == 3 else None\n    return k\n"
        "if __name__ == '__main__':\n    run(lambda: list(ordered_map(one, range(20), 2)))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1 and "Traceback" not in run.stderr, run.stderr
    assert run.stderr.startswith("error: a worker process was killed")


def test_a_clock_that_was_a_day_off_reruns_nothing(finished: Project) -> None:  # noqa: F811
    """Of a file whose content is what it was, the time does not count."""
    for name, hours in (("train", 24), ("val", -24)):
        then = time.time() + 3600 * hours
        os.utime(finished.folder / f"results/prototypes/{name}.safetensors", (then, then))
    assert finished.dry_run() == {}
