"""What is said of how a result was made is true."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import lcom
from lcom.base import provenance
from lcom.base.files import write_result


def test_versions_of_what_is_loaded_and_of_nothing_else(tmp_path: Path) -> None:
    code = "import sys, numpy, spglib; from lcom.base.files import write_result; write_result(sys.argv[1], {'a': 1})"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.json")], check=True)
    said = json.loads((tmp_path / "a.json").read_text())
    made = said.pop("made_by")
    assert said == {"a": 1}
    assert made["packages"] == {name: version(name) for name in ("numpy", "spglib")}
    assert made["lcom"] == lcom.__version__ and made["device"] == "cpu" and made["python"][:2] == "3."


def test_the_device_is_the_one_that_was_chosen(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(provenance, "_device", "cpu")
    provenance.set_device("NVIDIA H100")
    write_result(tmp_path / "a.json", {})
    assert json.loads((tmp_path / "a.json").read_text())["made_by"]["device"] == "NVIDIA H100"


@pytest.mark.parametrize("kind", ["branch", "packed", "detached", "worktree", "none"])
def test_the_commit_is_git_s(tmp_path: Path, monkeypatch, kind: str) -> None:
    clone = tmp_path / "clone"

    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        return subprocess.run(command, cwd=clone, check=True, capture_output=True, text=True).stdout.strip()

    clone.mkdir()
    expected = ""
    if kind != "none":
        git("init", "-q")
        (clone / "lcom").mkdir()
        (clone / "lcom/__init__.py").write_text("")
        git("add", ".")
        git("commit", "-qm", "a")
        expected = git("rev-parse", "HEAD")
    if kind == "packed":
        git("pack-refs", "--all")
    if kind == "detached":
        git("checkout", "-q", "--detach")
    if kind == "worktree":
        git("worktree", "add", "-q", "../tree", "-b", "other")
        clone = tmp_path / "tree"
    monkeypatch.setattr(lcom, "__file__", str(clone / "lcom/__init__.py"))
    provenance.commit.cache_clear()
    assert provenance.commit() == expected
    provenance.commit.cache_clear()
