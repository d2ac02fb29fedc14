"""What every rule must say: log, benchmark, threads, memory, runtime; and the GPU where it is used."""

from __future__ import annotations

import re

import pytest

from lcom.base.settings import parse_settings
from lcom.report.rows import TableSettings
from lcom.surrogate.settings import MethodsSection
from tests.workflow.conftest import Project

GPU_RULES = {"train_cdvae", "encode", "train_surrogate", "optimise", "decode"} | {
    "optimise_path",
    "decode_path",
    "decode_prior",
    "predict",
    "train_energy_model",
    "predict_known",
    "search",
    "many",
    "optimise_unseen",
    "decode_unseen",
    "train_fold",
    "matbench_predict",
}
CACHED = {"energy", "energy_start", "energy_dataset", "energy_dft_pso", "energy_path", "energy_prediction"}
CACHED |= {"energy_judged", "energy_relaxed", "relax_initial", "reference", "dft_pso"}
DFT = CACHED | {"relax_prediction"}
EXTRA = ["results/prototypes_regenerated/prototypes.jsonl.gz"]
EXTRA += [
    "results/report.html",
    "results/relaxed/table1.csv",
    "results/prototypes/shipped/card.json",
    "results/matbench/record.json",
    "results/prototypes/predictions/TiO2.md",
    "results/prototypes/predictions/TiO2-relaxed.md",
]


@pytest.fixture(scope="module")
def jobs(finished_once) -> dict[str, str]:
    """Rule -> what a dry run prints of one of its jobs."""
    result = Project(finished_once).snakemake("--dry-run", "--forceall", "--printshellcmds", "all", *EXTRA)
    assert result.returncode == 0, result.stderr
    blocks = re.split(r"\n(?=(?:local)?rule \w+:)", result.stdout + result.stderr)[1:]
    found = {re.match(r"(?:local)?rule (\w+):", block)[1]: block.split("\n\n")[0] for block in blocks}
    del found["all"]
    return found


def test_every_rule_is_there(jobs: dict[str, str]) -> None:
    assert set(jobs) == GPU_RULES | {
        *("source", "split", "regenerate_prototypes", "relax_initial", "swap_initial", "analogue", "mlp"),
        *("energy", "energy_start", "energy_dataset", "energy_dft_pso", "reference", "dft_pso", "table1", "table2"),
        *("energy_path", "path_figure", "figure3", "energy_prediction", "predictions", "ship", "report"),
        *("relax_candidates", "energy_judged", "table1_relaxed", "unseen_initial", "unseen"),
        *("relax_prediction", "energy_relaxed", "predictions_relaxed"),
        *("download", "matbench_folds", "matbench_record"),
    }


def test_log_benchmark_memory_and_runtime(jobs: dict[str, str]) -> None:
    for rule, text in jobs.items():
        assert "log: results/logs/" in text, rule
        assert "benchmark: results/benchmarks/" in text, rule
        threads = int((re.search(r"threads: (\d+)", text) or [0, 1])[1])
        assert int(re.search(r"mem_mb=(\d+)", text)[1]) <= (2500 * threads if rule in DFT else 4000), rule
        assert re.search(r"runtime=\d+", text), rule
        assert re.search(r"> results/logs/\S+ 2>&1$", text, flags=re.M), rule


def test_only_the_networks_ask_for_a_gpu(jobs: dict[str, str]) -> None:
    assert {rule for rule, text in jobs.items() if "gpu=1" in text} == GPU_RULES
    for rule in GPU_RULES:
        assert "--device $([ 1 -gt 0 ] && echo ${LCOM_DEVICE:-auto} || echo cpu)" in jobs[rule]


def test_without_a_gpu_resource_the_device_is_the_cpu(finished_once) -> None:
    arguments = ("--dry-run", "--forcerun", "encode", "--printshellcmds", "--resources", "gpu=0", "--")
    result = Project(finished_once).snakemake(*arguments, "results/prototypes/latents.safetensors")
    assert "--device $([ 0 -gt 0 ] && echo ${LCOM_DEVICE:-auto} || echo cpu)" in result.stdout + result.stderr


def test_dft_jobs_take_one_core_so_that_many_run_side_by_side(jobs: dict[str, str]) -> None:
    """Those of a prediction and of all columns after a relaxation, which are one job here, take as many as there are."""
    found = {rule: int((re.search(r"threads: (\d+)", text) or [0, 1])[1]) for rule, text in jobs.items() if rule in DFT}
    assert found == dict.fromkeys(DFT, 1) | {"energy_prediction": 2, "energy_relaxed": 2, "energy_judged": 2}


def test_relaxations_start_beside_training_and_training_comes_first(jobs: dict[str, str]) -> None:
    priority = {rule: int((re.search(r"priority: (\d+)", text) or [0, 0])[1]) for rule, text in jobs.items()}
    assert priority["train_cdvae"] > priority["relax_initial"] > priority["reference"] > priority["energy"] == 0
    assert "input:" not in jobs["relax_initial"]  # waits for nothing


def test_resumable_jobs_have_a_folder_that_survives_a_failure(jobs: dict[str, str]) -> None:
    states = [re.search(r"--state (\S+)", text) for text in jobs.values()]
    folders = {state[1] for state in states if state}
    assert len(folders) == 6 and all(folder.startswith("results/.state/") for folder in folders)
    cached = {rule: found[1] for rule, text in jobs.items() if (found := re.search(r"--cache (\S+)", text))}
    assert cached == dict.fromkeys(CACHED, "results/.cache")


def test_columns_stand_in_the_order_of_the_config_with_lcoms_first(jobs: dict[str, str]) -> None:
    """The first is the one that the tables compare with all others."""
    for rule in ("table1", "table1_relaxed", "table2", "report"):
        config = re.search(r"--config '(\{.*?\})'", jobs[rule])[1]
        settings = parse_settings(TableSettings, config, rule)
        shown = [name for name in settings.methods if name in settings.columns]
        assert shown == [name for name in MethodsSection().columns if name in shown] and shown[0] == "lcoms"
