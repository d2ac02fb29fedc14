"""Energies along the descents: what Figures 2 and 4 are made of, one tidy row for each decoded step."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lcom.candidates import read_candidate
from lcom.report.judge import SUSPICIOUS, Energy, evaluate, load_energy
from lcom.report.rows import check_labels, existing, read_reference


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


@dataclass(frozen=True)
class Step:
    """A structure on the way. energy, reference: GPAW, eV/atom; delta_e_mev, match, rmse: to the known ground state, as in Table 1;
    predicted: what the surrogate said of its latent, eV/atom, of the quantity that it was trained on, None for a start
    that failed; tau: None for SL."""

    dataset: str
    method: str
    tau: float | None
    compound: str
    start: str
    seed: int
    step: int
    energy: float | None
    reference: float | None
    delta_e_mev: float | None
    match: bool | None
    rmse: float | None
    predicted: float | None
    failure: str


def collect_steps(results: Path, settings: PathSettings) -> list[Step]:
    """Read and judge every structure; order: data set, compound, series, seed, step."""
    rows = []
    for dataset in settings.datasets:
        for compound in settings.compounds:
            reference = read_reference(results, compound)
            for series in settings.series:
                for seed in range(settings.seeds):
                    for step in settings.steps:
                        rows.append(_step(results / dataset, settings, series, reference, seed, step))
    return rows


def _step(folder: Path, settings: PathSettings, series: str, reference: Energy, seed: int, step: int) -> Step:
    method, _, tau = series.partition("-tau")
    labels = (reference.compound, method, settings.start, seed)
    name = f"{settings.start}/{reference.compound}-{seed}-{step}"
    found = read_candidate(existing(path := folder / "path" / series / f"{name}.extxyz", "decode_path"))
    check_labels(path, found, labels)
    info = found.info or {}
    if info.get("steps") != step:
        raise ValueError(
            f"{path} is of step {info.get('steps')}: it was moved or copied; delete it to have it made again"
        )
    energy = load_energy(existing(path := folder / "energies" / "path" / series / f"{name}.json", "energy_path"))
    check_labels(path, energy, labels)
    judged = asdict(evaluate(energy, reference))
    return Step(
        dataset=folder.name,
        method=method,
        tau=None if method == "sl" else float(tau or settings.tau),
        compound=reference.compound,
        start=settings.start,
        seed=seed,
        step=step,
        predicted=info.get("predicted_energy"),
        **{key: judged[key] for key in ("energy", "reference", "delta_e_mev", "match", "rmse", "failure")},
    )


def medians(rows: Sequence[Step]) -> dict[int, float]:
    """Step -> median ΔE over the seeds, meV/atom. As in Table 1, a structure without energy, or with a suspicious one, counts as infinitely
    high."""
    found: dict[int, list[float]] = {}
    for row in rows:
        counts = row.delta_e_mev is not None and row.delta_e_mev >= SUSPICIOUS
        found.setdefault(row.step, []).append(row.delta_e_mev if counts else math.inf)
    return {step: statistics.median(deltas) for step, deltas in sorted(found.items())}
