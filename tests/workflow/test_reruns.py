"""What reruns after an edit: the stages it touches and what depends on them, and nothing else.

The state is that of a finished run, made by `snakemake --touch`. Each test edits one thing and asks `snakemake -n`.
"""

from __future__ import annotations

import re
import shutil
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import DATA_FILE, ROOT, Project, copy_project

TABLES = {"table1", "table2", "figure3"}
TABLE = {"energy"} | TABLES
PATH_ENERGIES = {"energy_path", "path_figure"}
PATHS = {"optimise_path", "decode_path"} | PATH_ENERGIES
UNSEEN = {"decode_unseen", "unseen", "figure3"}
DESCENDED = {"optimise_unseen"} | UNSEEN
AFTER_OPTIMISE = {"optimise", "decode"} | TABLE
AFTER_SURROGATE = {"train_surrogate", "many"} | AFTER_OPTIMISE | PATHS | DESCENDED
AFTER_CDVAE = {"train_cdvae", "encode", "decode_prior"} | AFTER_SURROGATE
AFTER_ENERGY_MODEL = {"train_energy_model", "predict_known", "search"} | TABLE
AFTER_SPLIT = (
    {"split", "swap_initial", "unseen_initial", "energy_dataset", "analogue"} | AFTER_CDVAE | AFTER_ENERGY_MODEL
)
AFTER_INITIAL = {"relax_initial", "energy_start"} | AFTER_OPTIMISE
DFT_PSO = {"dft_pso", "energy_dft_pso"} | TABLES
ENERGIES = {"energy_start", "energy_dataset", "reference"} | TABLE | DFT_PSO | PATH_ENERGIES

CONFIG_EDITS = [
    ({"data": {"prototypes": {"sha256": "1" * 64}}}, {"source"} | AFTER_SPLIT),
    ({"data": {"seed": 1}}, AFTER_SPLIT),
    ({"holdout": "ground_state"}, AFTER_SPLIT),
    ({"data": {"heldout_tables": ["data/compounds.csv"]}}, set()),  # of the same formulas
    ({"cdvae": {"latent": 8}}, AFTER_CDVAE),
    ({"cdvae": {"training": {"lr": 0.01}}}, AFTER_CDVAE),
    ({"cdvae": {"training": {"checkpoint_minutes": 3.0}}}, set()),
    ({"surrogate": {"tau": 0.5}}, AFTER_SURROGATE),
    ({"energy_model": {"noise": 0.1}}, AFTER_ENERGY_MODEL),
    ({"search": {"evaluations": 1000}}, {"search"} | TABLE),
    (
        {"search": {"space": {"min_distance": 0.5}, "dft_pso": {"compounds": ["Si"]}}},
        {"search", "mlp"} | TABLE | DFT_PSO,
    ),
    ({"search": {"bo": {"good": 7}}}, {"search"} | TABLE),
    ({"search": {"dft_pso": {"compounds": ["Si"], "evaluations": 7}}}, DFT_PSO),
    ({"search": {"dft_pso": {"compounds": []}}}, TABLES),
    ({"search": {"methods": ["ras"], "dft_pso": {"compounds": ["Si"]}}}, TABLES),
    ({"initial": {"min_volume": 0.8}}, AFTER_INITIAL),
    ({"dft": {"cutoff": 700.0}}, AFTER_INITIAL | ENERGIES),
    ({"dft": {"kpoint_density": 4.0}}, ENERGIES - {"dft_pso"}),
    ({"dft": {"relax": {"fmax": 0.05}}}, AFTER_INITIAL | {"reference", "path_figure"}),
    ({"dft": {"relax": {"kpoint_density": 3.0}}}, AFTER_INITIAL | {"reference", "path_figure"} | DFT_PSO),
    ({"optimise": {"step_size": 0.1}}, {"many"} | AFTER_OPTIMISE | PATHS | DESCENDED),
    ({"optimise": {"steps_of": {"prototypes": 7}}}, {"many"} | AFTER_OPTIMISE | DESCENDED),
    ({"optimise": {"steps_of": {"matbench": 7}}}, set()),
    ({"optimise": {"encoding": "sample"}}, {"many"} | AFTER_OPTIMISE | PATHS | DESCENDED),
    (
        {"initial": {"draw": "low"}},
        {"swap_initial", "energy_dataset", "decode_prior", "unseen_initial"} | AFTER_OPTIMISE | PATHS | DESCENDED,
    ),
    ({"decode": {"levels": 9}}, {"decode", "decode_prior", "many"} | TABLE | PATHS - {"optimise_path"} | UNSEEN),
    ({"methods": {"cdvae_prior": {"samples": 3}}}, {"decode_prior"} | TABLE),
    ({"methods": {"sl_stopped": None, "cdvae_prior": None, "analogue": None}}, TABLES),
    ({"starts": ["dataset"]}, AFTER_OPTIMISE),
    ({"figures": {"compounds": ["Si"], "steps": [0, 3], "taus": [2.0]}}, PATHS),
    ({"figures": {"compounds": ["Si"], "steps": [0, 5], "taus": []}}, {"path_figure"}),
    ({"figures": {"compounds": []}}, set()),
    ({"figures": {"compounds": ["Si"], "steps": [0, 5], "taus": [2.0], "unseen": 9}}, {"unseen_initial"} | DESCENDED),
    ({"figures": {"compounds": ["Si"], "steps": [0, 5], "taus": [2.0], "unseen": 0}}, {"figure3"}),
    ({"dft": {"per_job": 3}}, TABLES),  # which find the files by it; the only part is as it was
    ({"dft": {"cache": "/scratch/shared"}}, set()),
]


def _name(value: object) -> str | None:
    return str(value).translate({ord(c): None for c in "{}' "}) if isinstance(value, dict) else None


@pytest.mark.parametrize(("edit", "expected"), CONFIG_EDITS, ids=_name)
def test_an_edit_of_the_config_reruns_the_stages_it_touches(finished: Project, edit: dict, expected: set[str]) -> None:
    finished.overlay(**edit)
    assert set(finished.dry_run()) == expected


def test_nothing_reruns_without_an_edit_nor_for_comments_and_machines(finished: Project) -> None:
    finished.edit("config.yaml", "seeds: 3", "# a comment\nseeds:   3")
    finished.edit("lcom/surrogate/coms.py", '"""The surrogate', '# a comment\n"""Another docstring: the surrogate')
    finished.edit("lcom/surrogate/coms.py", "\ndef fit(", "\n# a comment\n\ndef fit(")
    finished.edit("lcom/__init__.py", "__version__ = ", "__version__ = '7' + ")
    finished.edit("rules/surrogate.smk", "    resources:\n", "    threads: 2\n    resources:\n")
    finished.edit("data/compounds.csv", "Wyckoff", "R. W. G. Wyckoff")
    assert finished.dry_run() == {}
    assert finished.dry_run("--resources", "gpu=0") == {}
    assert finished.dry_run("--cores", "9", "--workflow-profile", "profiles/slurm", "--executor", "local") == {}


def test_one_is_the_same_as_one_point_nought(finished: Project) -> None:
    finished.overlay(surrogate={"alpha": 1}, dft={"cutoff": 600, "relax": {"kpoint_density": 2}}, cdvae={"cutoff": 7})
    assert finished.dry_run() == {}


def test_the_order_of_keys_does_not_count(finished: Project) -> None:
    text = (finished.folder / "config.yaml").read_text(encoding="utf-8")
    config = yaml.safe_load(text)
    back = dict(reversed(config.items())) | {"optimise": dict(reversed(config["optimise"].items()))}
    finished.edit("config.yaml", text, yaml.safe_dump(back, sort_keys=False))
    assert finished.dry_run() == {}


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("lcom/nets/training.py", AFTER_CDVAE | AFTER_ENERGY_MODEL),
        ("lcom/search/optimisers.py", {"search"} | TABLE | DFT_PSO),
        ("lcom/stages/encode.py", {"encode", "decode_prior"} | AFTER_SURROGATE),
        ("lcom/stages/train_surrogate.py", AFTER_SURROGATE),
        ("lcom/cdvae/decoding.py", {"decode", "decode_prior", "many"} | TABLE | PATHS - {"optimise_path"} | UNSEEN),
        ("lcom/starts/lookup.py", {"analogue", "many"} | TABLE),
        ("lcom/starts/random.py", AFTER_INITIAL),
        ("lcom/dft/gpaw.py", AFTER_INITIAL | ENERGIES),
        ("lcom/dft/cache.py", ENERGIES - {"dft_pso"}),
        ("lcom/report/rows.py", TABLES | {"path_figure", "unseen"}),
        ("lcom/report/table1.py", {"table1", "figure3"}),
        ("lcom/report/style.py", {"table2", "figure3", "path_figure"}),
    ],
)
def test_an_edit_of_the_code_reruns_the_stages_that_reach_it(finished: Project, file: str, expected: set[str]) -> None:
    path = finished.folder / file
    path.write_text(path.read_text(encoding="utf-8") + "\nEDITED = True\n", encoding="utf-8")
    assert set(finished.dry_run()) == expected


@pytest.mark.parametrize(
    ("package", "expected"),
    [("gpaw", AFTER_INITIAL | ENERGIES), ("torch-geometric", AFTER_CDVAE | AFTER_ENERGY_MODEL), ("tqdm", set())],
)
def test_another_version_of_a_package_reruns_the_stages_that_use_it(
    finished: Project, monkeypatch, package: str, expected: set[str]
) -> None:
    """Energies of two GPAWs would meet in one table."""
    said = finished.folder / f"newer/{package.replace('-', '_')}-99.0.dist-info/METADATA"
    said.parent.mkdir(parents=True)
    said.write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 99.0\n")
    monkeypatch.setenv("PYTHONPATH", str(said.parents[1]))
    assert set(finished.dry_run()) == expected


@pytest.mark.parametrize(("file", "same"), [("lcom/candidates.py", True), ("lcom/dft/gpaw.py", False)])
def test_energies_are_known_until_what_calculates_them_is_another(finished: Project, file: str, same: bool) -> None:
    def kept() -> set[str]:
        said = finished.snakemake("--dry-run", "--forcerun", "energy", "--printshellcmds", "--until", "energy").stdout
        found = set(re.findall(r"lcom\.stages\.energy .* --code (\S+)", said))
        assert len(found) == 1, said
        return found

    before = kept()
    path = finished.folder / file
    path.write_text(path.read_text(encoding="utf-8") + "\nEDITED = True\n", encoding="utf-8")
    assert (kept() == before) is same


def test_an_edit_of_one_compound_reruns_its_jobs_only(finished: Project) -> None:
    finished.edit("data/compounds.csv", "Si,2,227,diamond,5.4307,5.4307,5.4307", "Si,2,227,diamond,5.44,5.44,5.44")
    jobs = {"reference": 1, "predict_known": 1, "path_figure": 2}
    assert finished.dry_run() == jobs | dict.fromkeys(TABLES, 1)


def test_a_copy_of_the_table_in_another_place_costs_no_job_but_the_tables(finished: Project) -> None:
    table = (finished.folder / "data/compounds.csv").read_bytes()
    (finished.folder / "data/mine.csv").write_bytes(table)
    finished.overlay(compounds="data/mine.csv")
    assert set(finished.dry_run()) <= TABLES


def paths(surrogates: int) -> dict[str, int]:
    """The jobs of Figures 2 and 4 after so many surrogates changed."""
    return {"optimise_path": surrogates, "decode_path": surrogates, "energy_path": surrogates, "path_figure": 2}


def unseen(descents: int, decodings: int) -> dict[str, int]:
    """The jobs of Figure 3's lower half: LCOMs, SL, and no step, which the surrogate of LCOMs chooses for, too."""
    return {"optimise_unseen": descents, "decode_unseen": decodings, "unseen": 1}


@pytest.mark.parametrize(
    ("edit", "jobs"),
    [
        (
            {"surrogate": {"tau": 0.5}},
            {"train_surrogate": 1, "optimise": 2, "decode": 2, "many": 1, "energy": 5} | paths(1) | unseen(1, 2),
        ),  # LCOMs, from many starts, and no step
        (
            {"surrogate": {"epochs": 7}},
            {"train_surrogate": 3, "optimise": 4, "decode": 4, "many": 1, "energy": 9} | paths(3) | unseen(2, 3),
        ),
        (
            {"optimise": {"step_size": 0.1}},
            {"optimise": 3, "decode": 3, "many": 1, "energy": 7} | paths(3) | unseen(2, 2),
        ),  # not of no step
        ({"methods": {"lcoms": {"steps": 7}}}, {"optimise": 1, "decode": 1, "energy": 2} | unseen(1, 1)),
        (
            {"methods": {"sl": {"samples": 2}}},
            {"decode": 1, "energy": 2} | paths(1) | {"optimise_path": 0} | unseen(0, 1),
        ),
        ({"methods": {"far": {"surrogate": "lcoms", "steps": 300}}}, {"optimise": 1, "decode": 1, "energy": 2}),
    ],
    ids=_name,
)
def test_a_method_that_does_not_use_a_key_is_left_alone(finished: Project, edit: dict, jobs: dict[str, int]) -> None:
    finished.overlay(**edit)
    jobs = {rule: count for rule, count in jobs.items() if count}
    assert finished.dry_run() == jobs | dict.fromkeys(TABLES, 1)


def test_without_relaxed_starts_nothing_is_relaxed_but_the_references(finished: Project) -> None:
    finished.overlay(starts=["dataset"])
    jobs = finished.dry_run("--forceall")
    assert jobs["swap_initial"] == jobs["reference"] == 1 and not {"relax_initial", "energy_start"} & set(jobs)
    assert jobs["energy"] == 5 + 4 + 3  # a column from each start; from none; RAS, PSO and BO


def test_a_prediction_needs_the_networks_of_the_run_and_its_own_energies_alone(finished: Project) -> None:
    jobs = {"predict": 1, "energy_prediction": 1, "predictions": 1}
    target = "results/prototypes/predictions/CaO.md"
    assert finished.dry_run("--", target) == jobs
    relaxed = {"predict": 1, "relax_prediction": 6, "energy_relaxed": 1, "predictions_relaxed": 1}
    assert finished.dry_run("--", target.replace(".md", "-relaxed.md")) == relaxed
    assert finished.dry_run("--until", "predict", "--", target, target.replace("CaO", "MgF2")) == {"predict": 2}
    finished.overlay(surrogate={"tau": 0.5})
    assert finished.dry_run("--", target) == jobs | {"train_surrogate": 1}


@pytest.mark.parametrize(
    ("formula", "says"), [("Ca2O2", "divide by 2"), ("CaXx", "Xx"), ("cao", "'cao' is not a formula"), ("CaS", "")]
)
def test_a_formula_that_cannot_be_is_refused_before_any_job(finished: Project, formula: str, says: str) -> None:
    finished.overlay(dft={"cutoff": 350.0})
    answer = finished.snakemake("--dry-run", "--", f"results/prototypes/predictions/{formula}.md")
    output = answer.stdout + answer.stderr
    assert (says in output and answer.returncode == 1) if says else answer.returncode == 0, output
    answer = finished.snakemake("--dry-run", "--", "results/prototypes/predictions/CaO.md")
    assert answer.returncode == 1 and "CaO contains O" in answer.stdout + answer.stderr


def test_figures_from_relaxed_starts_wait_for_no_swapped_crystal(finished: Project) -> None:
    finished.overlay(figures={"compounds": ["Si"], "start": "relaxed", "steps": [5], "taus": []})
    jobs = finished.dry_run("--", "results/figures/figure2.png")
    assert jobs == {"optimise_path": 2, "decode_path": 2, "energy_path": 2, "path_figure": 1}  # step 0 is always shown


def test_a_further_compound_keeps_training_and_the_work_on_the_others(finished: Project) -> None:
    finished.overlay(only=["Si", "MgO"])
    jobs = finished.dry_run()
    # the part of energies has one more, and so have the relaxations, where MgO comes first; what was calculated is known
    assert jobs["reference"] == jobs["energy_start"] == 1 and jobs["relax_initial"] == 2
    assert not {"source", "split", "train_cdvae", "encode", "train_surrogate"} & set(jobs)


def test_a_further_seed_keeps_the_relaxations(finished: Project) -> None:
    finished.overlay(seeds=2)
    jobs = finished.dry_run()
    assert jobs["relax_initial"] == jobs["energy_start"] == 1
    assert not {"source", "split", "train_cdvae", "encode", "reference"} & set(jobs)


def test_a_changed_data_file_reruns_what_reads_it(finished: Project) -> None:
    (finished.folder / DATA_FILE).write_text("changed")
    assert set(finished.dry_run()) == {"source"} | AFTER_SPLIT


def test_a_lost_output_is_made_again(finished: Project) -> None:
    (finished.folder / "results/table1.md").unlink()
    assert finished.dry_run() == {"table1": 1, "figure3": 1}


def test_the_relaxations_of_the_default_run_spare_another_its_own(tmp_path: Path) -> None:
    """As docs/default-run/README.md has it."""
    project = copy_project(tmp_path)
    shutil.copy(ROOT / "data/compounds.csv", tmp_path / "data")
    (tmp_path / DATA_FILE).write_text("not read in a dry run")
    project.overlay(only=[], seeds=3)
    before = project.dry_run("results/table1.csv")
    with tarfile.open(ROOT / "docs/default-run/results.tar.gz") as archive:
        members = [member for member in archive if member.name.startswith("results/initial/")]
        archive.extractall(tmp_path, members, filter="data")
    after = project.dry_run("results/table1.csv")
    assert before.pop("relax_initial") == len(members) > 20
    assert after == before
