"""Config errors, seen as the user sees them, and the schema in step with config.yaml and the settings of the stages."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import shutil
from pathlib import Path

import pytest
import yaml

from lcom.base.settings import parse_settings
from lcom.cdvae.settings import CDVAESettings, DecodeSettings
from lcom.dft.settings import DftSettings, RelaxSettings
from lcom.nets.settings import TrainingSettings
from lcom.prediction.settings import PredictSettings
from lcom.search.settings import (
    BudgetSettings,
    EnergyModelSettings,
    ParzenSettings,
    SearchSettings,
    SpaceSettings,
    SwarmSettings,
)
from lcom.starts.settings import RandomSettings
from lcom.surrogate.settings import OptimiseSettings, SurrogateSettings
from rules.common import config_problems, contradictions
from tests.workflow.conftest import DATA_FILE, FORMULAS, ROOT, Project, copy_project

CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
SCHEMA = yaml.safe_load((ROOT / "config/schema.yaml").read_text(encoding="utf-8"))
OVERLAYS = sorted(path for path in (ROOT / "config").glob("*.yaml") if path.name != "schema.yaml")


def merged(config: dict, edit: dict) -> dict:
    """What Snakemake makes of a config and an overlay."""
    result = copy.deepcopy(config)
    for key, value in edit.items():
        result[key] = merged(result[key], value) if isinstance(value, dict) and key in result else value
    return result


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("surrogate: {tua: 1.0}", "unknown key tua in surrogate; allowed: alpha, alpha_lr, batch_size"),
        ("sead: 3", "unknown key sead; allowed: cdvae, compounds"),
        (
            "cdvae: {training: {lr: 1e-3}}",
            'cdvae.training.lr: "1e-3" is text, but a number is needed (write 1.0e-3: YAML reads 1e-3 as text)',
        ),
        ('surrogate: {tau: "0.1"}', "(write 0.1 without quotes, in a file given by --configfile)"),
        ("surrogate: {epochs: 2.5}", "surrogate.epochs: 2.5 is a number, but a whole number is needed"),
        ("surrogate: {composition: 1}", "surrogate.composition: 1 is a whole number, but true or false is needed"),
        ("surrogate:", "surrogate: null is empty, but a section of keys is needed"),
        ("data: {mine: {file: x.gz}}", "missing key kind in data.mine"),
        ("data: {val_fracton: 0.2}", "data.val_fracton: 0.2 is a number, but a section of keys is needed"),
        ("datasets: [energies]", "datasets.0: 'energies' should not be valid"),  # that folder is taken
        ("datasets: prototypes", 'datasets: "prototypes" is text, but a list is needed'),
        ("holdout: element", 'holdout: "element" is not one of "formula", "ground_state"'),
        ("decode: {schedule: euler}", 'decode.schedule: "euler" is not one of "ancestral", "langevin", "paper"'),
        ("seeds: 0", "seeds: 0 must be at least 1"),
        ("data: {val_fraction: 1}", "data.val_fraction: 1 must be less than 1"),
        ("only: [NO]", "only.0: false is true or false, but text is needed"),  # YAML's word for nitric oxide
        ("results: /tmp/x y", "results: '/tmp/x y' does not match"),
    ],
)
def test_each_problem_names_the_key_and_what_is_allowed(text: str, problem: str) -> None:
    (line,) = config_problems(merged(CONFIG, yaml.safe_load(text)), SCHEMA)
    assert problem in line


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("cdvae: {strain: 0.0}", "decode.strain_steps: needs a model trained with cdvae.strain"),
        (
            "cdvae: {sigma_begin: 0.01, strain: 0.0}\ndecode: {strain_steps: 0}",
            "cdvae.sigma_end: must be less than cdvae.sigma_begin",
        ),
        ("decode: {strain_sigma: 0.01}", "decode.strain_sigma: must lie within cdvae.sigma_end and sigma_begin"),
        ("cdvae: {training: {teacher_forcing: 0.5}}", "cdvae.training.teacher_forcing: must be 1 with cdvae.strain"),
        ("cdvae: {encoder: {graph: crystalnn}}", "cdvae.encoder.graph: crystalnn needs cdvae.encoder_noise"),
        ("cdvae: {decoder: {kind: gemnet-dQ}, neighbours: 4}", "cdvae.decoder.quad_neighbours: must be less than"),
        ("energy_model: {encoder: {graph: crystalnn}}", "energy_model.encoder.graph: must be radius"),
        (
            "search: {evaluations: 200, methods: [ras, bo]}",
            "search.evaluations: must be more than search.bo.initial (200)",
        ),
        ("search: {pso: {particles: 5200}}", "search.evaluations: must be more than search.pso.particles (5200)"),
    ],
)
def test_keys_that_contradict_each_other_stop_at_once_and_would_stop_the_stage(text: str, problem: str) -> None:
    config = merged(CONFIG, yaml.safe_load(text))
    assert config_problems(config, SCHEMA) == [] and contradictions(CONFIG) == []
    (line,) = contradictions(config)
    assert line.startswith(problem)
    if problem.startswith(("cdvae.encoder", "cdvae.decoder", "energy_model")):  # the others need a model, or would run
        name, settings = ("energy_model", EnergyModelSettings) if "energy_model" in text else ("cdvae", CDVAESettings)
        section = {key: value for key, value in config[name].items() if key != "training"}
        with pytest.raises(ValueError, match="config: '"):
            parse_settings(settings, section, name)


def test_a_missing_key_is_named() -> None:
    config = copy.deepcopy(CONFIG)
    del config["surrogate"]["tau"]
    assert config_problems(config, SCHEMA) == ["missing key tau in surrogate"]


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_the_configs_are_valid(overlay: Path) -> None:
    assert config_problems(CONFIG, SCHEMA) == []
    config = merged(CONFIG, yaml.safe_load(overlay.read_text(encoding="utf-8")))
    assert config_problems(config, SCHEMA) == contradictions(config) == []


def _leaves(config: dict, prefix: str = "") -> set[str]:
    nested = [_leaves(v, f"{prefix}{k}.") if v and isinstance(v, dict) else {f"{prefix}{k}"} for k, v in config.items()]
    return set().union(*nested)


def _described(schema: dict, prefix: str = "") -> set[str]:
    """The leaves of a schema; every key on the way must be described and required, and every section closed."""
    assert schema["additionalProperties"] is False or prefix == "data.", prefix
    assert sorted(schema["required"]) == sorted(schema["properties"]), prefix
    leaves: set[str] = set()
    for key, entry in schema["properties"].items():
        entry = entry | SCHEMA["$defs"][entry["$ref"].split("/")[-1]] if "$ref" in entry else entry
        if prefix == "data." and "$ref" in entry:  # each kind of data set has keys of its own
            leaves.add(f"{prefix}{key}")
            continue
        assert len(entry["description"]) > 3, f"{prefix}{key} has no description"
        assert "type" in entry or "enum" in entry, f"{prefix}{key} takes anything"
        leaves |= _described(entry, f"{prefix}{key}.") if "properties" in entry else {f"{prefix}{key}"}
    return leaves


def test_schema_and_config_have_the_same_keys() -> None:
    config = CONFIG | {"data": dict.fromkeys(CONFIG["data"].keys() - {"oqmd_all"}, 0)}  # one more of the data sets
    assert _described(SCHEMA) == _leaves(config)


def test_the_digest_of_the_embedded_data_set_is_that_of_the_file() -> None:
    entry = CONFIG["data"]["prototypes"]
    assert hashlib.sha256((ROOT / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]


def test_every_key_of_the_config_has_a_comment() -> None:
    plain = {"kind", "epochs", "batch_size", "steps", "output_layers", "seed"}  # say what they are
    for line in (ROOT / "config.yaml").read_text(encoding="utf-8").splitlines():
        key = line.split(":")[0].strip()
        assert not line.strip() or line.startswith(("#", "data:")) or "#" in line or key in plain, line


@pytest.mark.parametrize(
    ("section", "settings"),
    [
        (CONFIG["cdvae"], CDVAESettings),
        (CONFIG["cdvae"]["training"], TrainingSettings),
        (CONFIG["surrogate"], SurrogateSettings),
        (CONFIG["energy_model"], EnergyModelSettings),
        (CONFIG["energy_model"]["training"], TrainingSettings),
        (CONFIG["search"], SearchSettings),
        (CONFIG["search"]["space"], SpaceSettings),
        (CONFIG["search"]["pso"], SwarmSettings),
        (CONFIG["search"]["bo"], ParzenSettings),
        (CONFIG["search"]["dft_pso"], BudgetSettings),
        (CONFIG["initial"], RandomSettings),
        (CONFIG["dft"], DftSettings),
        (CONFIG["dft"]["relax"], RelaxSettings),
        (CONFIG["optimise"]["lcoms"] | {"step_size": CONFIG["optimise"]["step_size"]}, OptimiseSettings),
        (CONFIG["optimise"]["sl"] | {"step_size": CONFIG["optimise"]["step_size"]}, OptimiseSettings),
        (CONFIG["decode"], DecodeSettings),
        (CONFIG["predict"], PredictSettings),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_config_gives_a_stage_all_of_its_settings_and_no_more(section: dict, settings: type) -> None:
    of_the_workflow = {"training", "methods", "dft_pso", "compounds"}  # sections of their own, and what rules read
    assert set(section) - of_the_workflow == {field.name for field in dataclasses.fields(settings)}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy_project(tmp_path_factory.mktemp("config"))


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_the_configs_have_a_dag(tmp_path: Path, overlay: Path) -> None:
    project = copy_project(tmp_path)
    settings = yaml.safe_load(overlay.read_text(encoding="utf-8"))
    settings["only"] = [formula for formula in settings.get("only", FORMULAS) if formula in FORMULAS]
    project.overlay(**{"search": {}} | settings)
    shutil.copy(ROOT / DATA_FILE, tmp_path / DATA_FILE)
    assert {"table1", "table2", "decode"} <= set(project.dry_run())


def _refused(project: Project, *arguments: str) -> str:
    result = project.snakemake("--quiet", *arguments)
    output = result.stdout + result.stderr
    assert result.returncode == 1, output
    assert len(output.splitlines()) < 15 and "Traceback" not in output, output
    assert not (project.folder / "results").exists()
    return output


def test_an_invalid_config_stops_before_any_job_and_lists_every_problem(project: Project) -> None:
    project.overlay(surrogate={"tua": 1}, seeds="three")
    output = _refused(project)
    assert "unknown key tua in surrogate; allowed: " in output
    assert 'seeds: "three" is text, but a whole number is needed' in output


def test_an_unknown_compound_is_named_with_those_there_are(project: Project) -> None:
    project.overlay(only=["NaCl", "Unobtainium"])
    output = _refused(project)
    assert "Unobtainium (config key `only`) not in data/compounds.csv, which has LiF, NaCl, MgO, Si" in output


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("XyO,2,225,rocksalt,4,4,4,90,90,90,test", "row 2 column formula"),
        ("MgO,2,225,perovskite,4,4,4,90,90,90,test", "row 2 column prototype: 'perovskite' is none of rocksalt"),
    ],
)
def test_a_bad_table_is_named_with_row_and_column(project: Project, row: str, problem: str) -> None:
    header = (ROOT / "data/compounds.csv").read_text(encoding="utf-8").splitlines()[0]
    (project.folder / "data/mine.csv").write_text(f"{header}\n{row}\n", encoding="utf-8")
    project.overlay(only=[], compounds="data/mine.csv")
    assert f"data/mine.csv {problem}" in _refused(project)


def test_an_unknown_data_set_is_named_with_those_there_are(project: Project) -> None:
    project.overlay(datasets=["prototypes", "aflow"])
    assert (
        "datasets: unknown data set aflow; `data` in the config has matbench, oqmd, oqmd_all, prototypes"
        in _refused(project)
    )


def test_a_cutoff_that_is_too_low_for_a_compound_is_refused(project: Project) -> None:
    project.overlay(only=["Si", "MgO"], dft={"cutoff": 350.0})
    assert "'dft.cutoff' is 350 eV, but MgO contains O" in _refused(project)


def test_a_table_that_is_not_there_is_named(project: Project) -> None:
    project.overlay(compounds="data/none.csv")
    assert "data/none.csv: no such table of compounds (config key `compounds`)" in _refused(project)
