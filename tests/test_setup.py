"""scripts/setup.sh deletes no environment but a half of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STAND_IN = """#!/bin/sh
[ "$1 $2" = "-m venv" ] && exit 3 # as far as these tests go
exec {python} "$@"
"""


def test_the_image_has_the_packages_that_set_up_would_install() -> None:
    (listed,) = re.findall(r"^packages=\((.*)\)$", (ROOT / "scripts/setup.sh").read_text(), flags=re.M)
    text = (ROOT / "Dockerfile").read_text()
    (installed,) = re.findall(r"--no-install-recommends (.*?) \\\n", text)
    assert set(installed.split()) == {*listed.split(), "make"}
    version = re.search(r"^FROM python:([\d.]+)-slim$", text, flags=re.M)[1]
    assert f"Python {version}" in (ROOT / "constraints.txt").read_text().splitlines()[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the script, a Python that makes no environment, and an environment without pip."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/setup.sh", tmp_path / "scripts")
    (tmp_path / "python").write_text(STAND_IN.format(python=sys.executable))
    (tmp_path / "python").chmod(0o755)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
    (tmp_path / ".venv/work").write_text("of hours")
    return tmp_path


def _setup(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHON": str(folder / "python")}
    command = ["bash", folder / "scripts/setup.sh", "requirements.txt"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("python", ["works", "is gone"])
def test_an_environment_of_another_program_is_left_as_it_is(folder: Path, python: str) -> None:
    if python == "is gone":
        (folder / ".venv/bin/python").unlink()
    run = _setup(folder)
    assert run.returncode == 1
    assert ".venv was not made by this script" in run.stderr and "rm -r .venv" in run.stderr
    assert (folder / ".venv/work").read_text() == "of hours"


def test_a_half_of_its_own_is_made_anew(folder: Path) -> None:
    (folder / ".venv/.made-by-setup").touch()
    run = _setup(folder)
    assert run.returncode == 3 and "making .venv" in run.stderr
    assert not (folder / ".venv/work").exists()
