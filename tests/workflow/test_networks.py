"""The networks that come with lcom, made by the workflow and used by it: what would run, what is refused, and one real run."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import pytest

from lcom.candidates import read_candidate
from lcom.data.shipped import TRAINED_ON, read_card
from lcom.formula import parse_formula
from tests import forked
from tests.workflow.conftest import DATA_FILE, ROOT, Project, copy_project

TRAININGS = {"source", "split", "frames", "encode", "train_cdvae", "train_surrogate", "train_energy_model"}
CANDIDATE = "results/shipped/candidates/lcoms/dataset.extxyz"


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = copy_project(tmp_path_factory.mktemp("shipped"))
    project.overlay(datasets=["shipped"], figures={"compounds": []})
    return project


def test_nothing_is_trained_where_the_shipped_networks_serve(copied: Project) -> None:
    (copied.folder / DATA_FILE).write_text("not read in a dry run")
    result = copied.snakemake("--dry-run", "--config", "datasets=[shipped, prototypes]")
    said = result.stdout + result.stderr
    assert result.returncode == 0, said
    blocks = re.split(r"\n(?=(?:local)?rule \w+:)", said)
    jobs = [found.groups() for b in blocks if (found := re.search(r"rule (\w+):.*wildcards: dataset=(\w+)", b, re.S))]
    shipped, trained = ({rule for rule, dataset in jobs if dataset == name} for name in ("shipped", "prototypes"))
    assert trained - shipped == TRAININGS - {"frames"} and shipped - trained == {"take_shipped"}
    assert {"optimise", "decode", "search", "swap_initial", "analogue"} <= shipped


def test_a_run_is_refused_that_would_judge_the_networks_by_what_they_were_trained_on(copied: Project) -> None:
    known = (copied.folder / "lcom/networks" / TRAINED_ON).read_text().split()
    seen = next(f for f in known if re.fullmatch(r"(Na|K|Rb|Ag|Cu|Li)(F|Cl|Br|I)", f))
    anion_first = "".join(reversed(re.findall("[A-Z][a-z]?", seen)))  # another spelling of it
    table = copied.folder / "data/seen.csv"
    row = f"{anion_first},2,225,rocksalt,5.8,5.8,5.8,90,90,90,somewhere\n"
    table.write_text((copied.folder / "data/compounds.csv").read_text() + row)
    assert parse_formula(anion_first).keys() == parse_formula(seen).keys()
    refused = copied.snakemake("--dry-run", "--config", "compounds=data/seen.csv", "only=[]")
    reason = "the networks that come with lcom were trained on"
    assert refused.returncode and f"data.shipped: {reason} {anion_first}:" in refused.stdout + refused.stderr
    begun = "cdvae={training: {begin: shipped}}"  # networks that go on from them, too
    refused = copied.snakemake(
        "--dry-run", "--config", "datasets=[prototypes]", "compounds=data/seen.csv", "only=[]", begun
    )
    assert refused.returncode and f"cdvae.training.begin: {reason} {anion_first}:" in refused.stdout + refused.stderr


def test_a_file_that_is_not_the_cards_stops_the_run_before_it_begins(copied: Project) -> None:
    path = copied.folder / "lcom/networks/cdvae/model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        result = copied.snakemake("--dry-run")
    finally:
        path.write_bytes(whole)
    assert result.returncode and "cdvae/model.safetensors is not what card.json says" in result.stdout + result.stderr


def test_make_networks_trains_on_both_sets_and_ships() -> None:
    """What the target runs, planned, and what it copies: where the package has its networks."""
    target = re.search(r"^networks:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), flags=re.M)[1]
    configfile, file = re.search(r"--configfile (\S+) -- (\S+)", target).groups()
    assert f"cp -R {Path(file).parent}/. lcom/networks/" in target
    planned = ("--dry-run", "--forceall", "--cores", "2", "--nolock", "--printshellcmds")
    result = forked.snakemake(ROOT, *planned, "--configfile", configfile, "--", file)
    said = result.stdout + result.stderr
    assert result.returncode == 0, said
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", said.split("Job stats:")[1], flags=re.M))
    expected = dict.fromkeys(TRAININGS - {"source", "train_surrogate"}, "1")
    assert jobs == expected | {"source": "3", "train_surrogate": "2", "ship": "1", "total": "11"}
    assert "--compounds data/compounds.csv --heldout data/validation.csv" in said
    assert "--seeds 3" in said and "dft" not in jobs
    outputs = re.search(r"rule ship:.*?output: (.*?)\n", said, flags=re.S)[1].split(", ")
    card = read_card(ROOT / "lcom/networks")
    assert {str(Path(path).relative_to(Path(file).parent)) for path in outputs} == {
        *card["files"], "card.json", "README.md"
    }  # fmt: skip


@pytest.mark.timeout(900)
def test_a_candidate_comes_out_of_the_shipped_networks(copied: Project, tmp_path: Path) -> None:
    """For real: the networks are taken, a swapped crystal descends on them and is decoded."""
    shutil.copytree(copied.folder, tmp_path, dirs_exist_ok=True)
    project = Project(tmp_path)
    project.overlay(
        datasets=["shipped"], starts=["dataset"], search={"methods": []}, figures={"compounds": []},
        methods={"lcoms": {"steps": 5, "samples": 1}, "sl": None, "sl_stopped": None, "choice": None, "cdvae_prior": None},
        decode={"levels": 5, "strain_steps": 2},
    )  # fmt: skip
    result = project.snakemake("--", CANDIDATE)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    candidate = read_candidate(tmp_path / CANDIDATE)
    assert candidate.status == "ok" and candidate.crystal.formula == "Si"
    with (tmp_path / "results/shipped/split.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    card = read_card(tmp_path / "lcom/networks")
    for part, said in card["parts"].items():
        assert sum(row["part"] == part for row in rows) == said["crystals"]
    assert not [row for row in rows if row["part"] == "train" and row["formula"] == "Si"]
    again = project.dry_run("--", CANDIDATE)
    assert again == {}
