"""Is a structure as good as the known ground state? Energies and structures from the energy JSONs, judged.

E is the DFT energy per atom relative to isolated atoms (GPAW's own zero), so that elements have one too. With the
reference E* of the relaxed ground state: relative error (E - E*)/|E*|, success where it is at most a threshold (the
paper's is 20 %, arXiv 2310.10056 section 6; its printed sign would let every worse structure pass), ΔE = E - E* in
meV/atom.

Three cases that are decided here:
- a structure that failed has no energy: no success at any threshold, no match, and its reason;
- a reference that failed judges nothing: success and match are None and the reason says so;
- an energy more than 100 meV/atom *below* the reference is either a better structure or an artefact of the DFT.
  It counts as no success until someone has looked, and its reason says so.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lcom.crystal import Crystal, reduced_counts
from lcom.matching import match_rmse

THRESHOLDS = (1, 5, 10, 20)  # per cent
SUSPICIOUS = -100.0  # meV/atom
JUDGES = (*(f"success_{x}" for x in THRESHOLDS), "match")


@dataclass(frozen=True)
class EnergyRecord:
    """What an energy JSON says. energy (eV/atom) and crystal are None, and reason is not empty, if it failed.

    converged: whether the relaxation did, of a reference; a single energy is.
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


def load_energy(path: str | Path) -> EnergyRecord:
    """Read an energy JSON. One that cannot be read or lacks a key is a ValueError with its name."""
    path = Path(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
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
        converged = bool(data.get("converged", True))
        return EnergyRecord(*names, data["seed"], energy, crystal, reason, data["seconds"], data["settings"], converged)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is not a readable energy file ({error!r}); delete it to have it made again"
        ) from error


def evaluate(candidate: EnergyRecord, reference: EnergyRecord) -> dict:
    """Judge a structure against the relaxed ground state of its compound -> columns `energy` to `failure` of table1.csv.

    None where there is nothing to compare. A ValueError if the two were computed at different settings or have different
    compositions: no energy difference means anything then.
    """
    judged = dict.fromkeys(("reference", "relative_error", "delta_e_mev", *JUDGES, "rmse"))
    judged |= {"energy": candidate.energy, "failure": candidate.reason}
    failure = reference.reason
    if reference.energy is not None and reference.energy >= 0:
        failure = f"its energy of {reference.energy:.3f} eV/atom is not below the isolated atoms"
    if failure:
        both = [*filter(None, [candidate.reason]), f"reference: {failure}"]
        return judged | {"failure": "; ".join(both)}
    judged["reference"] = reference.energy
    if candidate.energy is None:
        return judged | dict.fromkeys(JUDGES, False)

    _check_comparable(candidate, reference)
    difference = candidate.energy - reference.energy
    judged |= {"relative_error": difference / abs(reference.energy), "delta_e_mev": 1000 * difference}
    suspicious = judged["delta_e_mev"] < SUSPICIOUS
    if suspicious:
        below = f"{-judged['delta_e_mev']:.0f} meV/atom below the reference"
        judged["failure"] = f"suspicious: {below}, a better structure or an artefact; not counted"
    for x in THRESHOLDS:
        judged[f"success_{x}"] = not suspicious and success_at(judged["relative_error"], x)
    rmse = match_rmse(reference.crystal, candidate.crystal)
    return judged | {"match": rmse is not None, "rmse": rmse}


def success_at(relative_error: float, per_cent: float) -> bool:
    """(E - E*)/|E*| at most the threshold, which itself still counts (1e-12 for rounding)."""
    return relative_error <= per_cent / 100 + 1e-12


def _check_comparable(candidate: EnergyRecord, reference: EnergyRecord) -> None:
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
    if reduced_counts(candidate.crystal.numbers) != reduced_counts(reference.crystal.numbers):
        elements = [np.unique(x.crystal.numbers).tolist() for x in (candidate, reference)]
        raise ValueError(f"{name} has the elements {elements[0]}, its reference {elements[1]}, or another composition")
