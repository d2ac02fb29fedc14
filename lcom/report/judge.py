"""Is a structure as good as the known ground state? Energies and structures from the files of energies, judged.

E is the DFT energy per atom relative to isolated atoms (GPAW's own zero), so that elements have one too. E* is that of the
known ground state: the lowest of the known polymorphs, each relaxed. ΔE = E - E* in meV/atom. The judges:

strict      ΔE at most 25 meV/atom, which is about what room temperature bridges, and RMSE below 0.1: the energy *and* the
            structure. One per cent of E is 32 to 92 meV/atom, so energy alone passes other polymorphs
success_x   (E - E*)/|E*| at most x % (the paper's is 20 %, arXiv 2310.10056 section 6; its printed sign would let every worse
            structure pass)
match       the structure alone, cell volume aside: pymatgen's StructureMatcher at wide tolerances, against the ground state or a
            known polymorph within 25 meV/atom of it; rmse is that of the best match

Three cases that are decided here:
- a structure that failed has no energy: no success by any judge, no match, and its reason;
- a reference that failed judges nothing, and so does a compound with one known polymorph that failed, as that may be the
  lowest: the judges say None and the reason says so;
- an energy more than 100 meV/atom *below* the reference is either a better structure or an artefact of the DFT.
  It counts as no success until someone has looked, and its reason says so.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lcom.crystal import Crystal, reduced_counts
from lcom.matching import SAME_RMSE, match_rmse

STRICT_MEV = 25.0  # meV/atom
THRESHOLDS = (1, 5, 10, 20)  # per cent
SUSPICIOUS = -100.0  # meV/atom
JUDGES = ("strict", *(f"success_{x}" for x in THRESHOLDS), "match")


@dataclass(frozen=True)
class EnergyRecord:
    """What a line of energies says. energy (eV/atom) and crystal are None, and reason is not empty, if it failed.

    converged: whether the relaxation did, of a reference; a single energy is. step: of the path, for Figures 2 and 4.
    """

    compound: str
    method: str
    start: str
    seed: int
    energy: float | None
    crystal: Crystal | None
    reason: str
    seconds: float | None
    settings: dict
    converged: bool = True
    step: int | None = None

    @property
    def found(self) -> tuple[float, Crystal] | None:
        """Energy and crystal; None if it failed."""
        return None if self.energy is None or self.crystal is None else (self.energy, self.crystal)


def load_energies(path: str | Path) -> list[EnergyRecord]:
    """Read a file of energies, a line of JSON for each. One that cannot be read or lacks a key is a ValueError with its name."""
    return [known[0] for known in _load(path)]


def load_references(path: str | Path) -> dict[str, list[EnergyRecord]]:
    """Read a file of references: compound -> its known polymorphs in the order of the table of compounds. ValueError as above."""
    return {known[0].compound: known for known in _load(path)}


def _load(path: str | Path) -> list[list[EnergyRecord]]:
    try:
        lines = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").split("\n") if line]
        return [[_record(record) for record in (line, *line.get("polymorphs", []))] for line in lines]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{Path(path)} is not a readable energy file ({error!r}); delete it to have it made again"
        ) from error


def _record(data: dict) -> EnergyRecord:
    reason = data["reason"] if data["status"] != "ok" else ""
    energy, crystal = data["energy"], None
    if data["status"] == "ok":
        if energy is None or not math.isfinite(energy):
            reason, energy = f"the energy is {energy}", None
        else:
            structure = data["structure"]
            crystal = Crystal(structure["numbers"], structure["frac_coords"], structure["lattice"])
    else:
        reason, energy = " ".join(reason.split()) or "failed without a reason", None
    names = [data[key] for key in ("compound", "method", "start")]
    if not all(isinstance(name, str) for name in names) or not isinstance(data["seed"], int):  # keys of a table's cells
        raise TypeError(f"compound, method and start are {names}, the seed is {data['seed']!r}")
    converged, step = bool(data.get("converged", True)), data.get("step")
    said = data["seconds"], data["settings"], converged, step
    return EnergyRecord(*names, data["seed"], energy, crystal, reason, *said)


def evaluate(candidate: EnergyRecord, known: Sequence[EnergyRecord]) -> dict:
    """Judge a structure against the known polymorphs of its compound -> columns `energy` to `failure` of table1.csv.

    None where there is nothing to compare. A ValueError if they were computed at different settings or have different
    compositions: no energy difference means anything then.
    """
    judged: dict[str, Any] = dict.fromkeys(("reference", "relative_error", "delta_e_mev", *JUDGES, "rmse"))
    judged |= {"energy": candidate.energy, "failure": candidate.reason}
    failure = next((polymorph.reason for polymorph in known if polymorph.reason), "")
    references = [polymorph.found for polymorph in known if polymorph.found]
    lowest = min((energy for energy, _ in references), default=math.inf)
    if not failure and lowest >= 0:
        failure = f"its energy of {lowest:.3f} eV/atom is not below the isolated atoms"
    if failure:
        both = [*filter(None, [candidate.reason]), f"reference: {failure}"]
        return judged | {"failure": "; ".join(both)}
    judged["reference"] = lowest
    if candidate.found is None:
        return judged | dict.fromkeys(JUDGES, False)

    energy, crystal = candidate.found
    for polymorph, (_, state) in zip(known, references, strict=True):
        _check_comparable(candidate, polymorph, crystal, state)
    relative, delta = (energy - lowest) / abs(lowest), 1000 * (energy - lowest)
    ground_states = [state for other, state in references if within(1000 * (other - lowest), STRICT_MEV)]
    matches = [rmse for state in ground_states if (rmse := match_rmse(state, crystal)) is not None]
    rmse = min(matches, default=None)
    judged |= {"relative_error": relative, "delta_e_mev": delta, "match": bool(matches), "rmse": rmse}
    suspicious = delta < SUSPICIOUS
    if suspicious:
        below = f"{-delta:.0f} meV/atom below the reference"
        judged["failure"] = f"suspicious: {below}, a better structure or an artefact; not counted"
    close = rmse is not None and rmse < SAME_RMSE
    judged["strict"] = not suspicious and close and within(delta, STRICT_MEV)
    for x in THRESHOLDS:
        judged[f"success_{x}"] = not suspicious and within(100 * relative, x)
    return judged


def within(value: float, limit: float) -> bool:
    """At most the limit, which itself still counts (1e-9 of it for rounding)."""
    return value <= limit * (1 + 1e-9)


def _check_comparable(candidate: EnergyRecord, reference: EnergyRecord, ours: Crystal, theirs: Crystal) -> None:
    name = f"{candidate.compound} ({candidate.method}, {candidate.start}, seed {candidate.seed})"
    different = [
        f"{key} {candidate.settings[key]!r} instead of {reference.settings[key]!r}"
        for key in sorted(candidate.settings.keys() & reference.settings.keys())
        if candidate.settings[key] != reference.settings[key]
    ]
    if different:
        raise ValueError(
            f"the energy of {name} was not computed at the settings of its reference: {', '.join(different)}. "
            "Delete one of the two to have it made again"
        )
    if reduced_counts(ours.numbers) != reduced_counts(theirs.numbers):
        elements = [np.unique(crystal.numbers).tolist() for crystal in (ours, theirs)]
        raise ValueError(f"{name} has the elements {elements[0]}, its reference {elements[1]}, or another composition")
