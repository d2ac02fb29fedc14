"""A finished run -> the folder of networks that comes with lcom: small files, a card of what they are, a page of it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch

from lcom.base.files import write_json, write_text
from lcom.base.tensors import load_tensors, save_tensors
from lcom.data.compact import write_compact
from lcom.data.packed import Dataset
from lcom.data.shipped import CARD, FOLDER, PAGE, TRAINED_ON, read_card, reduced, sha256_of
from lcom.prediction.run_folder import CDVAE_FILE, CRYSTALS, ENERGY_MODEL, LATENTS, SL, SURROGATE, TRAIN, VAL
from lcom.prediction.ship_card import card, page
from lcom.surrogate.coms import Surrogate

SPLIT = "split.csv"
NETWORKS = {  # name -> its file, the losses of its training, the rule that made it
    "cdvae": (CDVAE_FILE, "cdvae/metrics.csv", "train_cdvae"),
    "lcoms": (SURROGATE, "surrogate/lcoms.csv", "train_surrogate"),
    "sl": (SL, "surrogate/sl.csv", "train_surrogate"),
    "energy_model": (ENERGY_MODEL, "energy_model/metrics.csv", "train_energy_model"),
}
BEGUN = ("cdvae", "energy_model")  # those whose config has training.begin
FILES = (*(file for file, _, _ in NETWORKS.values()), LATENTS, CRYSTALS, TRAINED_ON)  # beside card and page
MOST = 12e6  # bytes of all of them


@dataclass(frozen=True)
class Seconds:
    """Where Snakemake has left the seconds of the jobs: benchmarks/train_cdvae/both.tsv."""

    folder: Path
    dataset: str

    def of(self, name: str) -> float | None:
        """Wall seconds of the job that ended a training; None where they are not known."""
        rule = NETWORKS[name][2]
        method = f"-{name}" if rule == "train_surrogate" else ""
        path = self.folder / rule / f"{self.dataset}{method}.tsv"
        return float(pd.read_csv(path, sep="\t")["s"].iloc[-1]) if path.is_file() else None


def ship(run: Path, out: Path, seconds: Seconds, about: dict) -> dict:
    """The folder `out` from that of a data set in a run; its card. about: what `lcom.prediction.ship_card.card` says of the run.

    A ValueError if files of the run do not belong together, or are more than comes with a package.
    """
    table, parts = pq.read_table(run / CRYSTALS, page_checksum_verification=True), pd.read_csv(run / SPLIT)
    part = parts["part"].to_numpy().astype(str)
    formulas = table["formula"].to_numpy().astype(str)
    # as a DataFrame reads it: NaN, sodium nitride, is a formula, too
    if len(part) != len(table) or not np.array_equal(_column(run / SPLIT, "formula"), formulas):
        raise ValueError(f"{run / SPLIT} is not of {run / CRYSTALS}: run again")
    write_compact(out / CRYSTALS, table, part)
    trained, earlier = _trained(run, about, formulas, part)
    write_text(out / TRAINED_ON, "\n".join(sorted(trained)) + "\n")
    known, ids = load_tensors(run / LATENTS)
    for name, path in (("train", TRAIN), ("val", VAL)):
        expected = table["id"].filter(part == name).to_pylist()
        if not ids["ids"][name] == Dataset.load(run / path).ids == expected:
            raise ValueError(f"{run / LATENTS} is not of the crystals of {run / path}: run again")
    save_tensors(out / LATENTS, {f"{name}_z": known[f"{name}_z"].half() for name in ("train", "val")}, {})
    for file in (CDVAE_FILE, ENERGY_MODEL):
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(run / file, out / file)
    rounding = {name: _halve(run / NETWORKS[name][0], out / NETWORKS[name][0], known) for name in ("lcoms", "sl")}
    networks = {
        name: _network(out / file, run / metrics, seconds.of(name), rounding.get(name))
        for name, (file, metrics, _) in NETWORKS.items()
    }
    for name, stages in earlier.items():
        networks[name]["began_from"] = stages
    seeds = Surrogate.load(out / SURROGATE).sizes[2]
    said = card(run, out, FILES, formulas, part, table["numbers"].to_pylist(), networks, seeds, about)
    if said["bytes"] > MOST:
        raise ValueError(f"{out} has {said['bytes'] / 1e6:.1f} MB, more than the {MOST / 1e6:.0f} MB of a package")
    write_json(out / CARD, said)
    said = read_card(out)  # in the order of the file
    write_text(out / PAGE, page(said))
    return said


def _trained(run: Path, about: dict, formulas: np.ndarray, part: np.ndarray) -> tuple[set[str], dict[str, list[dict]]]:
    """All compositions that the networks know, and, of each that began from those that come with lcom, the trainings before: also of one
    that came before and was not trained again.

    A ValueError if one of those validates: the card's numbers would flatter.
    """
    trained = set(formulas[part == "train"].tolist())
    begun = [name for name in BEGUN if about["settings"][name]["training"].get("begin") == "shipped"]
    if not begun:
        return trained, {}
    before, card = (FOLDER / TRAINED_ON).read_text(encoding="utf-8").split(), read_card()
    known = {reduced(formula) for formula in before}
    if seen := [formula for formula in sorted(set(formulas[part == "val"].tolist())) if reduced(formula) in known]:
        raise ValueError(
            f"{', '.join(seen)} validate, and the networks that these began from were trained on them: take their data.seed"
        )
    stage = {"commit": card["made_by"]["commit"], **card["parts"]["train"]}
    earlier = {}
    for name in begun:
        said, file = card["networks"][name], NETWORKS[name][0]
        digest = card["files"][file]["sha256"]
        last = [] if sha256_of(run / file) == digest else [{"epochs": said["epochs"], "sha256": digest, **stage}]
        earlier[name] = [*said.get("began_from", []), *last]
    return trained | set(before), earlier


def _column(path: Path, name: str) -> np.ndarray:
    return pd.read_csv(path, dtype=str, keep_default_na=False)[name].to_numpy().astype(str)


def _network(path: Path, metrics: Path, seconds: float | None, rounding: float | None) -> dict:
    """What the card says of a network: rounding eV/atom, what float16 changes."""
    tensors, meta = load_tensors(path)
    rows = pd.read_csv(metrics)
    last = rows[rows["epoch"] == rows["epoch"].max()]
    measured = {str(key): round(float(last[key].mean()), 6) for key in rows if str(key).startswith(("val_", "train_"))}
    made_by = meta.get("trained_by", meta["made_by"])
    return {
        "numbers": sum(tensor.numel() for tensor in tensors.values()),
        "epochs": int(last["epoch"].iloc[0]) + 1,
        "seconds": seconds,
        "device": made_by["device"],
        "made_by": made_by,
        "measured": measured,
    } | ({} if rounding is None else {"float16_changes": rounding})


@torch.no_grad()
def _halve(source: Path, out: Path, known: dict[str, torch.Tensor]) -> float:
    """The surrogate with weights of float16; by how much its energies of the validation crystals change at most, eV/atom."""
    tensors, meta = load_tensors(source)
    kept = {name: value.half() if name.startswith("layers.") else value for name, value in tensors.items()}
    made_by = meta.pop("made_by")
    save_tensors(out, kept, meta | {"trained_by": made_by})
    energies = []
    for path in (source, out):
        model = Surrogate.load(path)
        z, c = (known[f"val_{key}"].expand(model.sizes[2], -1, -1) for key in ("z", "c"))
        energies.append(model.energy(model.standardise(z), c))
    return round(float((energies[0] - energies[1]).abs().max()), 6)
