"""One version of every package: requirements, constraints and conda environments agree and cover the imports."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.utils import canonicalize_name

from rules.common import CONDA_NAMES, pinned_versions, third_party

ROOT = Path(__file__).resolve().parents[1]
ENVS = sorted((ROOT / "envs").glob("*.yaml"))


def pins(file: str) -> dict[str, str]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {name.partition("[")[0]: number for name, number in pairs}


def env_pins(path: Path) -> dict[str, str]:
    packages = yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]
    pairs = (package.split("=") for package in packages)
    return {CONDA_NAMES.get(name, name): number for name, number in pairs}


def rules() -> list[str]:
    """The text of every rule that is no variant of another."""
    files = (ROOT / "rules").glob("*.smk")
    texts = [re.split(r"^(use )?rule ", file.read_text(encoding="utf-8"), flags=re.M) for file in files]
    return [rule for parts in texts for use, rule in zip(parts[1::2], parts[2::2], strict=True) if not use]


def stage_of(rule: str) -> str:
    (stage,) = re.findall(r"\bstage\(\s*\"(\w+)\"", rule)
    return stage


def packages(*modules: str) -> set[str]:
    """What they import, and need beside it: gpaw-data is GPAW's, matminer is matbench's, which is put beside it by hand."""
    needed = set().union(*(third_party(module, ROOT) for module in modules))
    needed |= {"gpaw-data"} if "gpaw" in needed else set()
    return needed - {"matbench"} | {"matminer"} if "matbench" in needed else needed


def stages_by_env() -> dict[str, set[str]]:
    """Environment -> the stages of the rules that use it."""
    found: dict[str, set[str]] = {}
    for rule in rules():
        (env,) = re.findall(r"\.\./envs/(\w+)\.yaml", rule)
        found.setdefault(env, set()).add(stage_of(rule))
    return found


def test_every_stage_has_one_environment() -> None:
    stages = [stage for group in stages_by_env().values() for stage in group]
    files = {path.stem for path in (ROOT / "lcom/stages").glob("*.py")} - {"__init__", "common"}
    assert sorted(stages) == sorted(files)
    assert set(stages_by_env()) == {path.stem for path in ENVS}


def test_a_rule_depends_on_the_code_of_its_own_stage() -> None:
    for rule in rules():
        assert re.findall(r"\bcode=code\(\"(\w+)\"\)", rule) == [stage_of(rule)], rule


@pytest.mark.parametrize("path", ENVS, ids=lambda path: path.stem)
def test_a_conda_environment_has_the_versions_of_the_requirements(path: Path) -> None:
    ours = env_pins(path)
    assert ours.pop("python") == "3.11"
    assert ours.items() <= pins("requirements.txt").items()


@pytest.mark.parametrize("path", ENVS, ids=lambda path: path.stem)
def test_a_conda_environment_holds_what_its_stages_import_and_no_more(path: Path) -> None:
    needed = packages(*(f"lcom.stages.{stage}" for stage in stages_by_env()[path.stem]))
    assert needed == set(env_pins(path)) - {"python"}


def test_the_pins_of_all_environments_are_the_versions_that_a_stage_depends_on() -> None:
    together = {name: number for path in ENVS for name, number in env_pins(path).items()}
    assert pinned_versions(ROOT) == together


def test_the_requirements_hold_what_the_package_and_the_workflow_import() -> None:
    stages = set().union(*stages_by_env().values())
    needed = packages("lcom.cli", *(f"lcom.stages.{stage}" for stage in stages))
    workflow = {"PyYAML", "snakemake", "snakemake-executor-plugin-slurm"}
    workflow.add("Pygments")  # of `snakemake --report`, which does not say that it needs it
    assert needed | workflow == set(pins("requirements.txt"))


def test_matbench_is_the_same_wherever_it_is_added() -> None:
    added = [(ROOT / name).read_text(encoding="utf-8") for name in ("scripts/setup.sh", "envs/matbench.post-deploy.sh")]
    assert [re.findall(r"--no-deps matbench==(\S+)", text) for text in added] == [[version("matbench")]] * 2


def test_the_constraints_repeat_the_requirements() -> None:
    assert pins("requirements.txt").items() <= pins("constraints.txt").items()
    assert pins("requirements-dev.txt").items() <= pins("constraints.txt").items()


def test_the_locks_have_the_constraints_with_the_hashes_of_their_files() -> None:
    """All but torch and what it alone needs; none in both."""
    locked = []
    for name in ("requirements", "requirements-dev"):
        text = (ROOT / f"{name}.lock").read_text(encoding="utf-8")
        entries = [entry for entry in re.split(r"\n(?=\S)", text) if not entry.startswith("#")]
        assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", entry) for entry in entries)
        locked.append(
            {canonicalize_name(line): number for line, number in re.findall(r"^(\S+)==(\S+)", text, flags=re.M)}
        )
    run, dev = locked
    assert not run.keys() & dev.keys()
    wanted = {canonicalize_name(name): number for name, number in pins("constraints.txt").items()}
    assert run.items() | dev.items() <= wanted.items()
    named = {canonicalize_name(name) for name in pins("requirements.txt")}
    assert named - run.keys() == {"torch"}
    assert {canonicalize_name(name) for name in pins("requirements-dev.txt")} <= dev.keys() | run.keys()


def test_this_environment_has_those_versions() -> None:
    wanted = pins("requirements.txt") | pins("requirements-dev.txt")
    assert {name: version(name).split("+")[0] for name in wanted} == wanted


def test_benchmarks_start_from_any_folder(tmp_path: Path) -> None:
    """As scripts: lcom is installed, and the folder of the script is on the path."""
    code = (
        "import pathlib, runpy, sys; sys.path.insert(0, sys.argv[1]); "
        "[runpy.run_path(str(f), run_name='looked_at') for f in pathlib.Path(sys.argv[1]).glob('*.py')]"
    )
    subprocess.run([sys.executable, "-c", code, str(ROOT / "benchmarks")], cwd=tmp_path, check=True)
