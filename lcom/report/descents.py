"""Energies along the descents: what Figures 2 and 4 are made of, one tidy row for each decoded step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lcom.candidates import read_candidate
from lcom.report.judge import EnergyRecord, evaluate, load_energy
from lcom.report.rows import check_labels, counted, existing, read_reference

# as in Table 1. predicted: what the surrogate said of the latent, eV/atom, of the quantity that it was trained on, none for a
# start that failed; tau: none for SL
COLUMNS = {
    **dict.fromkeys(("dataset", "method"), str),
    "tau": float,
    **dict.fromkeys(("compound", "start"), str),
    **dict.fromkeys(("seed", "step"), int),
    **dict.fromkeys(("energy", "reference", "delta_e_mev"), float),
    "match": "boolean",
    **dict.fromkeys(("rmse", "predicted"), float),
    "failure": str,
}


@dataclass(frozen=True)
class PathSettings:
    """series: surrogates to compare, as their files are called: sl, lcoms (whose tau is `tau`), lcoms-tau0.5"""

    datasets: list
    compounds: list
    seeds: int
    start: str
    steps: list
    series: list
    tau: float

    def __post_init__(self) -> None:
        if not self.compounds:
            raise ValueError("config: Figures 2 and 4 need one of the run's compounds in `figures.compounds`")


def collect_steps(results: Path, settings: PathSettings) -> pd.DataFrame:
    """Read and judge every structure -> COLUMNS; order: data set, compound, series, seed, step."""
    rows = [
        _step(results / dataset, settings, series, compound, known, seed, step)
        for dataset in settings.datasets
        for compound, known in [(name, read_reference(results, name)) for name in settings.compounds]
        for series in settings.series
        for seed in range(settings.seeds)
        for step in settings.steps
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _step(
    folder: Path,
    settings: PathSettings,
    series: str,
    compound: str,
    known: Sequence[EnergyRecord],
    seed: int,
    step: int,
) -> dict:
    method, _, tau = series.partition("-tau")
    labels = (compound, method, settings.start, seed)
    name = f"{settings.start}/{compound}-{seed}-{step}"
    found = read_candidate(existing(path := folder / "path" / series / f"{name}.extxyz", "decode_path"))
    check_labels(path, found, labels)
    info = found.info or {}
    if info.get("steps") != step:
        raise ValueError(
            f"{path} is of step {info.get('steps')}: it was moved or copied; delete it to have it made again"
        )
    energy = load_energy(existing(path := folder / "energies" / "path" / series / f"{name}.json", "energy_path"))
    check_labels(path, energy, labels)
    return evaluate(energy, known) | {
        "dataset": folder.name,
        "tau": None if method == "sl" else float(tau or settings.tau),
        **dict(zip(("compound", "method", "start", "seed"), labels, strict=True)),
        "step": step,
        "predicted": info.get("predicted_energy"),
    }


def medians(rows: pd.DataFrame) -> pd.Series:
    """Step -> median ΔE over the seeds, meV/atom, infinitely high as in Table 1."""
    return counted(rows).groupby(rows.step).median()
