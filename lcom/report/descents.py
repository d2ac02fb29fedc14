"""Energies along the descents: what Figures 2 and 4 are made of, one tidy row for each decoded step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lcom.candidates import read_candidates
from lcom.report.files import asked, check_labels, existing, references
from lcom.report.judge import evaluate, load_energies
from lcom.report.rows import counted

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
    references: list  # the parts of the run that have the compounds

    def __post_init__(self) -> None:
        if not self.compounds:
            raise ValueError("config: Figures 2 and 4 need one of the run's compounds in `figures.compounds`")


def collect_steps(results: Path, settings: PathSettings) -> pd.DataFrame:
    """Read and judge every structure -> COLUMNS; order: data set, compound, series, seed, step."""
    known = references(results, settings.references, settings.compounds)
    rows = []
    for dataset in settings.datasets:
        found = {series: _series(results / dataset, series, settings) for series in settings.series}
        for compound in settings.compounds:
            for series, (method, tau) in zip(found, map(_named, found), strict=True):
                candidates, energies, files = found[series]
                for seed in range(settings.seeds):
                    for step in settings.steps:
                        key = compound, seed, step
                        candidate, energy = asked(candidates, key, files[:1]), asked(energies, key, files[1:])
                        rows.append(
                            evaluate(energy, known[compound])
                            | {"dataset": dataset, "method": method, "compound": compound, "start": settings.start}
                            | {
                                "tau": None if method == "sl" else float(tau or settings.tau),
                                "seed": seed,
                                "step": step,
                            }
                            | {"predicted": (candidate.info or {}).get("predicted_energy")}
                        )
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _named(series: str) -> tuple[str, str]:
    """lcoms-tau0.5 -> lcoms, 0.5"""
    method, _, tau = series.partition("-tau")
    return method, tau


def _series(folder: Path, series: str, settings: PathSettings) -> tuple[dict, dict, list[Path]]:
    """(compound, seed, step) -> candidate, and -> energy, of a surrogate; and the two files."""
    method, _ = _named(series)
    structures = existing(folder / f"path/{series}/{settings.start}.extxyz", "decode_path")
    path = existing(folder / f"energies/path/{series}/{settings.start}.jsonl", "energy_path")
    candidates, energies = {}, {}
    for candidate in read_candidates(structures):
        check_labels(structures, candidate, (candidate.compound, method, settings.start, candidate.seed))
        candidates[candidate.compound, candidate.seed, (candidate.info or {}).get("step")] = candidate
    for energy in load_energies(path):
        check_labels(path, energy, (energy.compound, method, settings.start, energy.seed))
        energies[energy.compound, energy.seed, energy.step] = energy
    return candidates, energies, [structures, path]


def medians(rows: pd.DataFrame) -> pd.Series:
    """Step -> median ΔE over the seeds, meV/atom, infinitely high as in Table 1."""
    return counted(rows).groupby(rows.step).median()
