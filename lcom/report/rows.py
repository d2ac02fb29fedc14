"""What the tables are made of: one tidy row for each structure, judged (table1.csv)."""

from __future__ import annotations

import csv
import io
import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from lcom.candidates import Candidate, read_candidate
from lcom.report.judge import SUSPICIOUS, THRESHOLDS, Energy, evaluate, load_energy

STARTS = ("relaxed", "dataset", "search")  # a search has no start: its group of columns has its own name
SEARCHES = ("ras", "pso", "bo")


@dataclass(frozen=True)
class Method:
    """label: in the tables · starts · timings: file under results/{dataset}, the rule that makes it, the keys in it."""

    label: str
    starts: tuple[str, ...]
    timings: tuple[tuple[str, str, tuple[str, ...]], ...] = ()


_DESCENT = (
    ("optimise/{}.json", "optimise", ("encode", "optimise")),
    ("candidates/{}/timing.json", "decode", ("decode",)),
)
_SEARCH = (("candidates/{}/timing.json", "search", ("propose", "model")),)
METHODS = {
    "lcoms": Method("LCOMs", STARTS[:2], _DESCENT),
    "sl": Method("SL", STARTS[:2], _DESCENT),
    "cdvae": Method("CD-VAE", STARTS[:2], _DESCENT),
    "start": Method("start", STARTS[:2]),
    "ras": Method("RAS", STARTS[2:], _SEARCH),
    "pso": Method("PSO", STARTS[2:], _SEARCH),
    "bo": Method("BO", STARTS[2:], _SEARCH),
    "dft_pso": Method("DFT-PSO", STARTS[2:]),
}


@dataclass(frozen=True)
class TableSettings:
    """What the tables cover: data sets in the order of the columns, number of seeds, formulas (empty: all),
    which of SEARCHES ran, and the compounds of DFT-PSO."""

    datasets: list
    seeds: int
    only: list = field(default_factory=list)
    searches: list = field(default_factory=list)
    dft_pso: list = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.datasets or self.seeds < 1:
            raise ValueError("config: the tables need at least one of `datasets` and one of `seeds`")
        if unknown := sorted(set(self.searches) - set(SEARCHES)):
            raise ValueError(f"config: unknown search {', '.join(unknown)}; allowed: {', '.join(SEARCHES)}")

    def compounds_of(self, method: str, compounds: Sequence[str]) -> list[str]:
        """Those of the compounds for which a method ran."""
        if method == "dft_pso":
            return [compound for compound in compounds if compound in self.dft_pso]
        return list(compounds) if method not in SEARCHES or method in self.searches else []


@dataclass(frozen=True)
class Row:
    """One row of table1.csv: energies in eV/atom, delta_e_mev in meV/atom, seconds of wall time; None is empty.

    evaluations: structures that counted against a search's budget. Seconds: making the start; encoding it and the descent
    in latent space, or the whole search; decoding (means over the batch that ran them together); the final energy.
    failure: why there is no energy, or what else to know of it.
    """

    dataset: str
    method: str
    start: str
    compound: str
    seed: int
    energy: float | None
    reference: float | None
    relative_error: float | None
    delta_e_mev: float | None
    success_1: bool | None
    success_5: bool | None
    success_10: bool | None
    success_20: bool | None
    match: bool | None
    rmse: float | None
    evaluations: int | None
    seconds_start: float | None
    seconds_optimise: float | None
    seconds_decode: float | None
    seconds_dft: float | None
    failure: str

    def success(self, per_cent: int) -> bool | None:
        return getattr(self, f"success_{per_cent}")


DECIMALS = {"energy": 6, "reference": 6, "relative_error": 6, "delta_e_mev": 3, "rmse": 4, "predicted": 6}  # seconds: 3


def collect_rows(results: Path, settings: TableSettings, compounds: Sequence[str]) -> list[Row]:
    """Read and judge every structure under the results folder; order: data set, method, start, compound, seed.

    The start itself is a method, too. The relaxed start and DFT-PSO belong to no data set and stand in the rows of each.
    A missing file is a FileNotFoundError that names it and the rule that makes it.
    """
    if unknown := sorted(set(settings.dft_pso) - set(compounds)):
        raise ValueError(f"config: DFT-PSO is asked for {', '.join(unknown)}, not among the compounds of this run")
    references = {compound: read_reference(results, compound) for compound in compounds}
    rows = []
    for dataset in settings.datasets:
        for method in METHODS:
            ran = settings.compounds_of(method, compounds)
            timings = read_timings(results, dataset, method) if ran else {}
            for start in METHODS[method].starts:
                for compound in ran:
                    for seed in range(settings.seeds):
                        rows.append(_row(results, dataset, method, start, seed, references[compound], timings))
    return rows


def _row(
    results: Path, dataset: str, method: str, start: str, seed: int, reference: Energy, timings: dict[str, float]
) -> Row:
    compound = reference.compound
    labels = (compound, method, start, seed)
    name = f"{compound}-{seed}"
    shared = method == "dft_pso" or (method, start) == ("start", "relaxed")
    folder = results if shared else results / dataset
    path = folder / "energies" / method / start / f"{name}.json"
    energy = load_energy(existing(path, "energy"))
    check_labels(path, energy, labels)
    seconds_start = evaluations = None
    optimise = [seconds for part, seconds in timings.items() if part != "decode"]
    if start == "search":
        path = folder / "candidates" / method / start / f"{name}.extxyz"
        found = read_candidate(existing(path, "dft_pso" if method == "dft_pso" else "search"))
        check_labels(path, found, labels)
        evaluations = _number(path, found, "evaluations")
        if method == "dft_pso" and (seconds := _number(path, found, "seconds")) is not None:
            optimise = [seconds]
    else:
        path = (results if start == "relaxed" else results / dataset) / "initial" / f"{name}.extxyz"
        made = read_candidate(existing(path, "relax_initial" if start == "relaxed" else "swap_initial"))
        seconds_start = (made.info or {}).get("seconds")
    judged = asdict(evaluate(energy, reference))
    if method == "start":
        notes = [judged["failure"]] if judged["failure"] else []
        if not (made.info or {}).get("converged", True):
            notes.append(f"the relaxation did not converge in {made.info['steps']} geometries")
        if not reference.converged:
            notes.append("the relaxation of its reference did not converge")
        judged["failure"] = "; ".join(notes)
    success = {f"success_{x}": value for x, value in zip(THRESHOLDS, judged.pop("success"), strict=True)}
    return Row(
        **dict(zip(("compound", "method", "start", "seed"), labels, strict=True)),
        **judged,
        **success,
        dataset=dataset,
        evaluations=None if evaluations is None else int(evaluations),
        seconds_start=seconds_start,
        seconds_optimise=sum(optimise) if optimise else None,
        seconds_decode=timings.get("decode"),
        seconds_dft=energy.seconds,
    )


def median_delta(rows: Iterable[Row]) -> float | None:
    """Median ΔE in meV/atom of the rows with a reference. What is no success for another reason, because it has no energy or lies
    suspiciously low, counts as infinitely high, so that no method gains by it; None if that, or nothing, is the median."""
    deltas = [
        math.inf if row.delta_e_mev is None or row.delta_e_mev < SUSPICIOUS else row.delta_e_mev
        for row in rows
        if row.reference is not None
    ]
    median = statistics.median(deltas) if deltas else math.inf
    return median if math.isfinite(median) else None


def read_reference(results: Path, compound: str) -> Energy:
    """The relaxed known ground state of a compound."""
    path = existing(results / "reference" / f"{compound}.json", "reference")
    reference = load_energy(path)
    check_labels(path, reference, (compound, "reference", reference.start, reference.seed))
    return reference


def read_timings(results: Path, dataset: str, method: str) -> dict[str, float]:
    """Part of a method -> seconds for one structure, of the parts that are timed for all structures together."""
    timings = {}
    for pattern, rule, parts in METHODS[method].timings:
        path = existing(results / dataset / pattern.format(method), rule)
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            timings |= {part: float(said[part]) for part in parts}
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{path} is not readable ({error!r}); delete it to have it made again") from error
    return timings


def _number(path: Path, candidate: Candidate, key: str) -> float | None:
    """A number from the info of a candidate; a failed one may lack it."""
    value = (candidate.info or {}).get(key)
    if value is None and candidate.status != "ok":
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{path} has no number of {key}: delete it to have it made again") from None


def check_labels(path: Path, found: Energy | Candidate, expected: tuple) -> None:
    """ValueError if a file says another (compound, method, start, seed) than the one that it is read for."""
    if (said := (found.compound, found.method, found.start, found.seed)) != expected:
        raise ValueError(f"{path} belongs to {said}: it was moved or copied; delete it to have it made again")


def existing(path: Path, rule: str) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; rule {rule} makes it: snakemake --cores 1 {path}")
    return path


def csv_text(rows: Sequence[Any]) -> str:
    """Rows of one dataclass, such as Row: a header, then a line a row; fixed decimals, True/False, empty for None."""
    names = [field.name for field in fields(rows[0])]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_field(name, getattr(row, name)) for name in names])
    return text.getvalue()


def _field(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and name != "tau":
        return f"{value:z.{DECIMALS.get(name, 3)}f}"  # z: no -0.000
    return str(value)
