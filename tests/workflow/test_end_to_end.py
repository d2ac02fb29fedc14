"""The whole workflow on real parts, as small as they go: killed twice, begun again, Table 1, the same bytes twice."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from safetensors.torch import save

from lcom.base.lock import AtWork, take
from lcom.base.tensors import load_tensors
from rules.cluster import has_gpu
from tests import forked
from tests.workflow.conftest import DATA_FILE

LOCK = "results/test/.running"
OPTIONS = ["--cores", "2", "--configfile", "overlay.yaml"]


def _snakemake(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return forked.snakemake(project, *OPTIONS, *arguments)


def _run_and_kill(project: Path, when: Path) -> None:
    """Run the workflow until a file matches the pattern `when`, then kill -9 all of it."""
    with (project / "killed.log").open("w") as log:
        command = [sys.executable, "-m", "snakemake", *OPTIONS]
        run = subprocess.Popen(command, cwd=project, stdout=log, stderr=log, start_new_session=True)
        begun = time.monotonic()
        while not list(project.glob(str(when.relative_to(project)))):
            assert run.poll() is None, (project / "killed.log").read_text()
            assert time.monotonic() - begun < 300, f"no {when} after 300 s"
            time.sleep(0.1)
        with pytest.raises(AtWork):  # to its end, and not only at its start
            take(project / LOCK)
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


@pytest.mark.timeout(2400)
def test_table_1_after_a_kill_and_the_same_command_again(project: Path) -> None:
    results = project / "results/test"
    _run_and_kill(project, results / ".cache/relaxations/*/*.records")
    assert not (results / "initial/000.extxyz").exists()
    _run_and_kill(project, results / ".state/train_cdvae/prototypes/*/*.ckpt")
    assert not (results / "prototypes/cdvae/model.safetensors").exists()
    again = _snakemake(project)
    assert again.returncode == 0, again.stdout[-5000:] + again.stderr[-5000:]
    free = re.search(r"Provided resources: gpu\D+(\d+)", again.stdout + again.stderr)[1]
    assert free == "1" if has_gpu() else int(free) >= 2  # without a GPU trainings stand side by side

    with (results / "table1.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted((row["method"], row["start"]) for row in rows) == sorted(
        [
            *((method, start) for method in ("lcoms", "sl", "cdvae", "start") for start in ("relaxed", "dataset")),
            *((method, "none") for method in ("analogue", "lcoms_many", "mlp")),
            *((method, "search") for method in ("ras", "pso", "bo", "dft_pso")),
        ]
    )
    for row in rows:
        assert (row["dataset"], row["compound"], row["seed"]) == ("prototypes", "Si", "0")
        assert float(row["reference"]) < -4  # eV/atom relative to atoms; diamond has -5.4
        assert row["failure"] or float(row["energy"]) > float(row["reference"]) - 0.1
        assert row["success_20"] in ("True", "False")
    assert "| Si" in (results / "table1.md").read_text(encoding="utf-8")
    with (results / "relaxed/table1.csv").open(encoding="utf-8", newline="") as file:
        relaxed = {(row["method"], row["start"]): row for row in csv.DictReader(file)}
    assert set(relaxed) == {(row["method"], row["start"]) for row in rows}
    before, after = rows[[row["method"] for row in rows].index("mlp")], relaxed["mlp", "none"]
    assert abs(float(before["energy"]) - float(after["energy"])) < 0.02  # it was relaxed already
    assert "Judged after a relaxation" in (results / "relaxed/table1.md").read_text(encoding="utf-8")
    with (results / "table2.csv").open(encoding="utf-8", newline="") as file:
        timed = {row["method"]: row for row in csv.DictReader(file) if row["part"] == "alone"}
    assert set(timed) == {"lcoms", "sl", "cdvae", "analogue", "lcoms_many", "mlp", "ras", "pso", "bo", "dft_pso"}
    assert all(float(row["seconds_per_structure"]) > 0 for row in timed.values())
    for name in ("table2", "success", "figure2", "figure3", "figure4"):
        assert (results / f"figures/{name}.png").read_bytes()[:4] == b"\x89PNG"
    with (results / "figures/figure4.csv").open(encoding="utf-8", newline="") as file:
        steps = [(row["method"], row["tau"], row["step"]) for row in csv.DictReader(file)]
    assert steps == [(*series, step) for series in [("lcoms", "0.5"), ("sl", "")] for step in ("0", "5")]
    with (results / "prototypes/unseen.csv").open(encoding="utf-8", newline="") as file:
        unseen = list(csv.DictReader(file))
    assert len(unseen) == 2 * 4 and {row["method"] for row in unseen} == {"start", "lcoms", "sl", "choice"}
    assert not {row["compound"] for row in unseen} & {"Si"}

    leftovers = [path for path in results.rglob("*") if path.is_file() and ".tmp" in path.name]
    assert not leftovers
    assert not [path for path in (results / ".state").rglob("*") if path.is_file()]
    nothing = _snakemake(project, "--dry-run")
    assert "Nothing to be done" in nothing.stdout + nothing.stderr

    target = "results/test/prototypes/predictions/NaCl.md"  # a compound of which this run knows nothing but the formula
    said = _snakemake(project, "--", target)
    assert said.returncode == 0, said.stdout[-5000:] + said.stderr[-5000:]
    with (project / target).with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 2 and {row["rank"] for row in found} == {"1", "2"}
    assert float(found[0]["energy"]) < 50 and found[0]["above_mev"] == "0.000" and found[0]["space_group"], found
    assert found[0]["training_crystals"] == "0"

    lost = "results/test/prototypes/energies/cdvae/dataset/000.jsonl"
    kept = json.loads((project / lost).read_text(encoding="utf-8"))
    (project / lost).unlink()
    assert _snakemake(project, "--", lost).returncode == 0
    again = json.loads((project / lost).read_text(encoding="utf-8"))
    assert again["energy"] == pytest.approx(
        kept["energy"], abs=1e-3
    )  # or that of a crystal all but equal, of a job beside it
    assert again["structure"] == kept["structure"] and again["settings"] == kept["settings"]
    log = (results / "logs/energy/prototypes-cdvae-dataset-000.log").read_text(encoding="utf-8")
    assert "1 of 1 energies were known" in log

    before = _bytes(results)
    forced = _snakemake(project, "--forcerun", "split", "--until", "decode", "decode_path", "search")
    assert forced.returncode == 0, forced.stderr[-5000:]
    assert _bytes(results) == before


def _bytes(results: Path) -> dict[str, str]:
    """Digests of what the networks made: models, latents, candidates; only timings may differ between two runs."""
    made = [path for path in (results / "prototypes").rglob("*") if path.suffix in (".safetensors", ".extxyz", ".cif")]
    # splits, CD-VAE, latents, surrogates, descents, starts, candidates (and CIFs); energy model, found by the searches
    assert len(made) >= 2 + 1 + 1 + 2 + 3 + 1 + 2 * (6 + 1) + 1 + 2 * 3
    assert len([path for path in made if "path" in path.parts]) >= 3 + 2 * 3  # descents of Figures 2 and 4, candidates
    return {str(path): hashlib.sha256(_content(path)).hexdigest() for path in made}


def _content(path: Path) -> bytes:
    if path.suffix != ".safetensors":
        return path.read_bytes()
    tensors, meta = load_tensors(path)
    del meta["made_by"]  # a job that was forked has loaded more packages than one of the runs that were killed
    return json.dumps(meta).encode() + save(tensors)


def test_a_damaged_data_file_is_refused_and_named(project: Path) -> None:
    with (project / DATA_FILE).open("ab") as file:
        file.write(b"x")
    target = "results/test/prototypes/crystals.parquet"
    result = _snakemake(project, "--", target)
    assert result.returncode == 1
    output = result.stdout + result.stderr
    assert DATA_FILE in output and "sha256" in output, output
    assert not (project / target).exists()


def test_a_compound_that_gpaw_has_no_setup_for_stops_before_any_job(project: Path) -> None:
    header = (project / "data/compounds.csv").read_text(encoding="utf-8").splitlines()[0]
    row = "ThC,2,225,rocksalt,5.34,5.34,5.34,90,90,90,test"
    (project / "data/compounds.csv").write_text(f"{header}\n{row}\n", encoding="utf-8")
    overlay = yaml.safe_load((project / "overlay.yaml").read_text(encoding="utf-8"))
    (project / "overlay.yaml").write_text(yaml.safe_dump(overlay | {"only": [], "search": {}}), encoding="utf-8")
    result = _snakemake(project)
    assert result.returncode == 1
    output = result.stdout + result.stderr
    assert "Th" in output.split("Job stats")[1] and "setup" in output, output
    assert not (project / "results/test/logs").exists() or not list((project / "results/test/logs").rglob("*.log"))
