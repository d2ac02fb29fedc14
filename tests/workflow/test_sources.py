"""From two downloads to a two-column Table 1: MatBench's file and OQMD's pages, in their formats, from servers on loopback."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import resource
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from lcom.crystal import Crystal
from lcom.data.sources.embedded import read_rows
from tests.data.test_optimade import StandIn
from tests.workflow.conftest import DATA_FILE, ROOT, Project, copy_project

CRYSTALS = 250


@pytest.fixture(scope="module")
def crystals() -> list[tuple[Crystal, float]]:
    rows = read_rows(ROOT / DATA_FILE)
    return [(row["crystal"], row["formation_energy"]) for row in rows[:: len(rows) // CRYSTALS]]


def _matbench(crystals: list[tuple[Crystal, float]], path: Path) -> str:
    """MatBench's file of these crystals; its sha256."""
    data = [[crystal.to_structure().as_dict(), energy] for crystal, energy in crystals]
    text = json.dumps({"index": list(range(len(data))), "columns": ["structure", "e_form"], "data": data})
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _oqmd(crystals: list[tuple[Crystal, float]]) -> list[dict]:
    """OPTIMADE entries of these crystals; one more lacks its energy."""
    rows = []
    for k, (crystal, energy) in enumerate([*crystals, (crystals[0][0], None)]):
        symbols = [site.specie.symbol for site in crystal.to_structure()]
        attributes = {
            "lattice_vectors": crystal.lattice.tolist(),
            "cartesian_site_positions": crystal.positions.tolist(),
            "nsites": len(crystal),
            "species": [{"name": s, "chemical_symbols": [s], "concentration": [1.0]} for s in sorted(set(symbols))],
            "species_at_sites": symbols,
            "structure_features": [],
            "_oqmd_entry_id": 1000 + k,
            "_oqmd_delta_e": energy,
        }
        rows.append({"id": str(k), "type": "structures", "attributes": attributes})
    return rows


@pytest.fixture
def project(tmp_path: Path, crystals: list[tuple[Crystal, float]]):
    (tmp_path / "project").mkdir()
    project = copy_project(tmp_path / "project")
    digest = _matbench(crystals, tmp_path / "www/file.json.gz")
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path / "www")
    files = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=files.serve_forever, args=(0.02,), daemon=True).start()
    pages = StandIn(_oqmd(crystals))
    settings = yaml.safe_load((ROOT / "config/test.yaml").read_text(encoding="utf-8"))
    address = f"http://127.0.0.1:{files.server_port}"
    settings |= {
        "datasets": ["oqmd", "matbench"],
        "starts": ["dataset"],
        "search": {"methods": []},
        "judges": ["found"],
    }
    settings["methods"] |= {
        "sl": None,
        "lcoms_many": None,
        "mlp": None,
    }  # these and relaxed starts are test_end_to_end's
    settings["data"] = {
        "matbench": {"url": f"{address}/gone.json.gz {address}/file.json.gz", "sha256": digest},  # a mirror
        "oqmd": {"url": pages.endpoint},
    }
    project.overlay(**settings)
    yield project
    files.shutdown()
    pages.shutdown()


@pytest.mark.timeout(2400)
def test_from_two_downloads_to_a_table_with_two_columns(project: Project) -> None:
    run = project.snakemake("--", "results/test/table1.csv")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-5000:]
    results = project.folder / "results/test"
    with (results / "table1.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with_starts = {(method, "dataset") for method in ("lcoms", "cdvae", "start")}
    columns = {(row["dataset"], row["method"], row["start"]) for row in rows}
    assert columns == {(d, *c) for d in ("oqmd", "matbench") for c in {*with_starts, ("analogue", "none")}}
    assert len(rows) == len(columns)
    head = (results / "table1.md").read_text(encoding="utf-8").split("\n\n## ")[1].splitlines()[2]
    assert head.index("oqmd") < head.index("matbench")
    for dataset, prefix in (("oqmd", "oqmd-"), ("matbench", "mb-mp-e-form-")):
        with (results / dataset / "split.csv").open(encoding="utf-8", newline="") as file:
            assert all(row["id"].startswith(prefix) for row in csv.DictReader(file))
        assert (results / dataset / "data_report.png").read_bytes()[:4] == b"\x89PNG"
    report = (results / "oqmd/data_report.md").read_text(encoding="utf-8")
    assert "| no energy | 1 | oqmd-" in report
    nothing = project.snakemake("--dry-run", "--", "results/test/table1.csv")
    assert "Nothing to be done" in nothing.stdout + nothing.stderr


def test_the_dag_of_the_paper_is_there_in_seconds(tmp_path: Path) -> None:
    """All 26 compounds, three seeds, OQMD and MatBench, every method."""
    project = copy_project(tmp_path)
    (tmp_path / "data/compounds.csv").write_bytes((ROOT / "data/compounds.csv").read_bytes())
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        "8",
        "--configfile",
        "config/paper.yaml",
        "--dry-run",
        "--",
    ]
    before = _seconds_of_children()
    result = subprocess.run([*command, "results/paper/table1.csv"], cwd=project.folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert _seconds_of_children() - before < 12, "it takes 5 s"  # of CPU; machines differ
    said = result.stdout + result.stderr
    for rule, count in {
        "download": 2,
        "train_cdvae": 2,
        "train_energy_model": 2,
        "search": 6,
        "relax_initial": 26,
        "reference": 4,
    }.items():
        assert f"{rule} " in said and str(count) in said.split(f"\n{rule} ")[1].split("\n")[0].split(), said


def _seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_an_own_data_set_by_one_line(tmp_path: Path, crystals: list[tuple[Crystal, float]]) -> None:
    project = copy_project(tmp_path)
    with (tmp_path / "data/mine.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["material_id", "cif", "energy_per_atom"])
        for k, (crystal, energy) in enumerate(crystals[:60]):
            writer.writerow([f"mine-{k}", crystal.to_cif(), energy])
        writer.writerow(["broken", "data_x", -1.0])
    mine = {"kind": "own", "file": "data/mine.csv", "energy": "energy_per_atom"}
    project.overlay(datasets=["my-crystals"], data={"my-crystals": mine})
    run = project.snakemake("--", "results/my-crystals/train.safetensors")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-5000:]
    assert "| unreadable | 1 | broken: " in (tmp_path / "results/my-crystals/data_report.md").read_text(
        encoding="utf-8"
    )
    project.overlay(datasets=["my-crystals"], data={"my-crystals": mine | {"energy": "e_form"}})
    refused = project.snakemake("--", "results/my-crystals/train.safetensors")
    said = refused.stdout + refused.stderr
    assert refused.returncode == 1 and "e_form" in said and "energy_per_atom" in said
    project.overlay(datasets=["my-crystals"], data={"my-crystals": mine | {"filter": "x"}})
    checked = project.snakemake("--dry-run")
    assert "data.my-crystals: kind own has no use for filter" in checked.stdout + checked.stderr


def test_two_data_sets_as_one(tmp_path: Path, crystals: list[tuple[Crystal, float]]) -> None:
    project = copy_project(tmp_path)
    data = {"both": {"kind": "union", "of": ["one", "two"]}}
    for name, part in (("one", crystals[:30]), ("two", crystals[20:50])):
        with (tmp_path / f"data/{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["material_id", "cif", "energy"])
            writer.writerows([f"m{k}", crystal.to_cif(), energy] for k, (crystal, energy) in enumerate(part))
        data[name] = {"kind": "own", "file": f"data/{name}.csv", "energy": "energy"}
    project.overlay(datasets=["both"], data=data)
    run = project.snakemake("--", "results/both/train.safetensors")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-5000:]
    report = (tmp_path / "results/both/data_report.md").read_text(encoding="utf-8")
    assert "| levels of theory | one (30), two (30) |" in report and "| crystals kept | 60 |" in report
    project.overlay(datasets=["both"], data=data | {"both": {"kind": "union", "of": ["one", "three"]}})
    refused = project.snakemake("--dry-run")
    assert "data.both.of: three: a union is of data sets that are none" in refused.stdout + refused.stderr
