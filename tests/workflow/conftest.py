"""Copies of the project: one in which every output exists and is up to date, without one job having run, and one to run."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests import forked

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "config.yaml", "config", "rules", "lcom", "envs", "profiles")
DATA_FILE = "data/prototypes.jsonl.gz"
CRYSTALS = 300  # of them, in a project that runs for real
FORMULAS = ("LiF", "NaCl", "MgO", "Si")  # of data/compounds.csv; each costs a dry run 0.04 s
OVERLAY = {
    "only": ["Si"],
    "seeds": 1,
    "search": {"dft_pso": {"compounds": ["Si"]}},
    "figures": {"compounds": ["Si"], "steps": [0, 5], "taus": [2.0]},
}


class Project:
    """A folder with a workflow; `dry_run` says which rules would run, and how many jobs of each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.snakemake_with("overlay.yaml", *arguments)

    def snakemake_with(self, config: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return forked.snakemake(self.folder, "--cores", "2", "--configfile", config, *arguments)

    def dry_run(self, *arguments: str) -> dict[str, int]:
        result = self.snakemake("--dry-run", *arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        output = result.stdout + result.stderr
        if "Nothing to be done" in output:
            return {}
        table = output.split("Job stats:")[1].split("\n\n")[0]
        jobs = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, flags=re.M)}
        return {rule: count for rule, count in jobs.items() if rule not in ("all", "total")}

    def overlay(self, **keys: object) -> None:
        (self.folder / "overlay.yaml").write_text(yaml.safe_dump(OVERLAY | keys), encoding="utf-8")

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} not in {file}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")


def copy_project(folder: Path) -> Project:
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    (folder / "data").mkdir()
    table = (ROOT / "data/compounds.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    rows = [line for line in table if line.split(",")[0] in ("formula", *FORMULAS)]
    (folder / "data/compounds.csv").write_text("".join(rows), encoding="utf-8")
    project = Project(folder)
    project.overlay()
    return project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project with a slice of the data set; the config keeps config/test.yaml's settings."""
    copy_project(tmp_path)
    rows = gzip.decompress((ROOT / DATA_FILE).read_bytes()).splitlines(keepends=True)
    data = gzip.compress(b"".join(rows[:: len(rows) // CRYSTALS]), mtime=0)
    (tmp_path / DATA_FILE).write_bytes(data)
    settings = yaml.safe_load((ROOT / "config/test.yaml").read_text(encoding="utf-8"))
    settings["data"] = {"prototypes": {"sha256": hashlib.sha256(data).hexdigest()}}
    (tmp_path / "overlay.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = copy_project(tmp_path_factory.mktemp("finished"))
    (project.folder / DATA_FILE).write_text("not read in a dry run")
    rows = project.snakemake("--summary").stdout.splitlines()
    outputs = [project.folder / row.split("\t")[0] for row in rows[1:]]
    assert len(outputs) > 30
    for path in outputs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    touched = project.snakemake("--touch", "--forceall", "--no-hooks")
    assert touched.returncode == 0, touched.stderr
    return project.folder


@pytest.fixture
def finished(finished_once: Path, tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    subprocess.run(["cp", "-a", finished_once, folder], check=True)
    return Project(folder)
