"""The whole config: what is refused and why, and the files that are made of it."""

from __future__ import annotations

import copy
import hashlib
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import yaml
from jsonschema import Draft202012Validator

from lcom.base.describe import keys_of, reference, schema, yaml_text
from lcom.base.settings import Settings, SettingsError, as_dict, hints, parse_settings, unwrap
from lcom.config import Config
from lcom.data.catalogue import CATALOGUE
from lcom.data.sources.settings import KINDS, Kind, SourceSettings
from lcom.surrogate.settings import METHODS, MethodSettings
from rules.common import canonical

ROOT = Path(__file__).resolve().parents[1]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
SCHEMA = yaml.safe_load((ROOT / "config/schema.yaml").read_text(encoding="utf-8"))
OVERLAYS = sorted(path for path in (ROOT / "config").glob("*.yaml") if path.name != "schema.yaml")


def merged(config: dict, edit: dict) -> dict:
    """What Snakemake makes of a config and an overlay."""
    result = copy.deepcopy(config)
    for key, value in edit.items():
        result[key] = merged(result[key], value) if isinstance(value, dict) and key in result else value
    return result


def problems(text: str) -> list[str]:
    try:
        parse_settings(Config, merged(CONFIG, yaml.safe_load(text)))
    except SettingsError as error:
        return error.lines
    return []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "surrogate: {tua: 1.0}",
            "surrogate: unknown key tua (did you mean tau?); allowed: alpha, alpha_lr, batch_size",
        ),
        ("sead: 3", "unknown key sead (did you mean seeds?); allowed: cdvae, compounds"),
        (
            "cdvae: {training: {lr: 1e-3}}",
            'cdvae.training.lr: "1e-3" is text, but a number is needed (write 1.0e-3: YAML reads 1e-3 as text)',
        ),
        ('surrogate: {tau: "0.1"}', "(write 0.1 without quotes, in a file given by --configfile)"),
        ("surrogate: {tau: .inf}", "surrogate.tau: Infinity is no finite number"),
        ("surrogate: {tau: .nan}", "surrogate.tau: NaN is no finite number"),
        ("surrogate: {epochs: 2.5}", "surrogate.epochs: 2.5 is a number, but a whole number is needed"),
        ("surrogate: {composition: 1}", "surrogate.composition: 1 is a whole number, but true or false is needed"),
        ("surrogate:", "surrogate: null is empty, but a section of keys is needed"),
        ("data: {mine: {file: x.gz}}", "data.mine: missing key kind"),
        ("data: {mine: {kind: own, file: x.gz}}", "data.mine: kind own needs `energy`"),
        ("data: {oqmd: {sha256: abc}}", 'data.oqmd.sha256: "abc" must be the 64 digits'),
        ("data: {val_fracton: 0.2}", "data.val_fracton: 0.2 is a number, but a section of keys is needed"),
        (
            "data: {energies: {kind: own, file: x, energy: e}}\ndatasets: [energies]",
            "datasets: energies is the name of a",
        ),
        (
            "datasets: [aflow]",
            "datasets: unknown data set aflow; `data` in the config has embedded, matbench, oqmd, oqmd_all, proto",
        ),
        ("datasets: [Oqmd]", 'datasets.0: "Oqmd" must be a name of small letters'),
        (
            "data: {both: {kind: union, of: [prototypes, oqmd]}}\ndatasets: [both]\nsurrogate: {target: formation_energy}",
            "surrogate.target: both has energies of several levels of theory (oqmd, ",
        ),
        ("optimise: {steps_of: {aflow: 3}}", "optimise.steps_of: unknown data set aflow"),
        ("datasets: prototypes", 'datasets: "prototypes" is text, but a list is needed'),
        ("holdout: element", 'holdout: "element" is not one of "formula", "ground_state"'),
        ("decode: {schedule: euler}", 'decode.schedule: "euler" is not one of "ancestral", "langevin"'),
        ("seeds: 0", "seeds: 0 must be at least 1"),
        ("data: {val_fraction: 1}", "data.val_fraction: 1.0 must be less than 1"),
        ("only: [NO]", "only.0: false is true or false, but text is needed: put it in quotes (YAML takes NO"),
        ("only: [[MgO]]", 'only.0: ["MgO"] is a list, but text is needed'),
        ("figures: {compounds: [Xx2]}", "figures.compounds: "),
        ("results: /tmp/x y", 'results: "/tmp/x y" must be the path of a folder, without `..` and blanks; one outside'),
        ("results: ../x", 'results: "../x" must be'),
        ("results: a/../../x", 'results: "a/../../x" must be'),
        ("results: /", 'results: "/" must be'),
        ("cdvae: {strain: 0.0}", "decode.strain_steps: needs a model trained with cdvae.strain"),
        (
            "cdvae: {sigma_begin: 0.01, strain: 0.0}\ndecode: {strain_steps: 0}",
            "cdvae.sigma_end: 0.03 must be less than cdvae.sigma_begin (0.01)",
        ),
        ("cdvae: {training: {teacher_forcing: 0.5}}", "cdvae.training.teacher_forcing: must be 1 with cdvae.strain"),
        ("cdvae: {encoder: {graph: crystalnn}}", "cdvae.encoder.graph: crystalnn needs cdvae.encoder_noise"),
        ("cdvae: {decoder: {kind: gemnet-dQ}, neighbours: 4}", "cdvae.decoder.quad_neighbours: 8 must be less than"),
        ("energy_model: {encoder: {graph: crystalnn}}", "energy_model.encoder.graph: must be radius"),
        (
            "search: {evaluations: 200, methods: [ras, bo]}",
            "search.evaluations: must be more than search.bo.initial (200)",
        ),
        ("search: {pso: {particles: 5200}}", "search.evaluations: must be more than search.pso.particles (5200)"),
        ("search: {space: {min_volume: 3.5}}", "search.space.min_volume: 3.5 must be at most search.space.max_volume"),
        ("methods: {far: {surrogate: coms}}", 'methods.far.surrogate: "coms" is not one of "none", "lcoms", "sl"'),
        ("methods: {far: {steps: 300}}", "methods.far.steps: must be 0 without a surrogate"),
        ("methods: {far: {choice: energy}}", "methods.far.choice: must be latent or energy_model without a surrogate"),
        (
            "methods: {far: {kind: many, surrogate: sl}}",
            "methods.far.choice: must be energy or energy_model for kind many",
        ),
        ("methods: {start: {surrogate: sl}}", "methods.start: is no name for a column"),
        ("methods: {Far: {surrogate: sl}}", "methods.Far: is no name for a column"),
        ("methods: {far: {label: a|b}}", 'methods.far.label: "a|b" must be text without a vertical bar'),
        ("methods: {" + ", ".join(f"{name}: null" for name in METHODS) + "}", "methods: no column is left"),
        ("starts: []", "starts: the list is empty"),
        ("starts: [search]", 'starts.0: "search" is not one of "relaxed", "dataset"'),
        ("initial: {draw: best}", 'initial.draw: "best" is not one of "any", "low"'),
        ("optimise: {lcoms: {steps: 5}}", "optimise: unknown key lcoms; allowed: encoding, step_size, steps_of"),
        ("decode: {samples: 5}", "decode: unknown key samples"),
        ("initial: {min_volume: 3.5}", "initial.min_volume: 3.5 must be at most initial.max_volume (1.6)"),
    ],
)
def test_each_problem_names_the_key_and_what_is_allowed(text: str, problem: str) -> None:
    (line,) = problems(text)
    assert line.startswith(problem) or (problem.startswith("(") and problem in line)


@pytest.mark.parametrize("folder", ["results", "results/a.b-c_1", "/scratch/me/lcom", "a..b/c", "..b"])
def test_results_go_anywhere_that_is_named_in_full(folder: str) -> None:
    assert problems(f"results: {folder}") == []


def test_null_leaves_a_column_out_and_a_name_adds_one() -> None:
    overlay = yaml.safe_load("methods:\n  far:\n    surrogate: lcoms\n    steps: 300\n  sl_stopped: null")
    columns = parse_settings(Config, merged(CONFIG, overlay)).methods.columns
    assert list(columns) == [name for name in METHODS if name != "sl_stopped"] + ["far"]
    assert columns["far"] == MethodSettings(surrogate="lcoms", steps=300)
    assert Draft202012Validator(SCHEMA).is_valid(overlay)


def test_searches_that_are_not_run_do_not_need_evaluations() -> None:
    assert problems("search: {evaluations: 100, methods: [ras]}") == []


def test_numbers_that_are_equal_give_the_rules_the_same_text() -> None:
    one, other = (parse_settings(Config, merged(CONFIG, {"surrogate": {"alpha": alpha}})) for alpha in (1, 1.0))
    assert canonical(as_dict(one)) == canonical(as_dict(other))
    assert '"alpha": 1.0' in canonical(as_dict(one))


def test_the_files_are_as_the_settings_have_them() -> None:
    """`python -m lcom.config --write` mends them."""
    for name, text in (("config.yaml", yaml_text), ("config/schema.yaml", schema), ("docs/config.md", reference)):
        assert (ROOT / name).read_text(encoding="utf-8") == text(Config()), name
    command = [sys.executable, "-m", "lcom.config"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "all in step\n"


def test_config_yaml_is_the_default_with_every_key() -> None:
    assert parse_settings(Config, CONFIG) == parse_settings(Config, {}) == Config()
    whole = as_dict(Config())
    for name in CATALOGUE:
        whole["data"][name] = {key: value for key, value in whole["data"][name].items() if value}
    column = as_dict(MethodSettings())
    for name, method in whole["methods"].items():
        whole["methods"][name] = {key: value for key, value in method.items() if value != column[key]}
    assert whole == CONFIG


def _keys(settings: Settings) -> list[tuple[str, object]]:
    keys = [(name, hint) for name, hint, _ in keys_of(settings)]
    return keys + [key for _, _, value in keys_of(settings) if isinstance(value, Settings) for key in _keys(value)]


def test_every_key_says_what_it_means() -> None:
    for name, hint in [*_keys(Config()), *hints(SourceSettings).items()]:
        assert len(unwrap(hint)[1].text) > 3, name


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_the_configs_are_valid_to_the_workflow_and_to_editors(overlay: Path) -> None:
    text = overlay.read_text(encoding="utf-8")
    assert problems(text) == []
    Draft202012Validator.check_schema(SCHEMA)
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(yaml.safe_load(text))] == []
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(CONFIG)] == []


@pytest.mark.parametrize(
    "text",
    ["surrogate: {tua: 1.0}", "seeds: 0", "only: [NO]", "results: ../x", "data: {mine: {unit: J}}", "datasets: []"],
)
def test_editors_see_what_is_wrong(text: str) -> None:
    assert not Draft202012Validator(SCHEMA).is_valid(yaml.safe_load(text))


def test_the_paper_samples_with_5000_calls_and_one_decoding() -> None:
    """CD-VAE: 50 levels of 100 Langevin steps and no strain."""
    text = (ROOT / "config/paper.yaml").read_text(encoding="utf-8")
    config = parse_settings(Config, merged(CONFIG, yaml.safe_load(text)))
    decode = config.decode
    assert (decode.noises, decode.levels, decode.step_size, decode.strain_steps) == (5000, 50, 1e-4, 0)
    assert {method.samples for method in config.methods.columns.values() if method.kind == "descent"} == {1}


def test_the_digest_of_the_embedded_data_set_is_that_of_the_file() -> None:
    source = Config().data.sources["prototypes"]
    assert hashlib.sha256((ROOT / source.file).read_bytes()).hexdigest() == source.sha256


def test_every_kind_of_source_says_which_keys_it_takes() -> None:
    assert set(get_args(Kind)) == set(KINDS)


def test_the_controller_needs_no_package_of_a_stage() -> None:
    """A machine that only steers has snakemake, numpy and spglib (docs/running.md)."""
    code = "import sys, lcom.config, lcom.compounds, lcom.dft.gpaw, lcom.elements, rules.common; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    heavy = {"torch", "lightning", "pymatgen", "scipy", "pandas", "pyarrow", "matplotlib", "ase", "gpaw", "jsonschema"}
    assert not heavy & set(modules.split())
