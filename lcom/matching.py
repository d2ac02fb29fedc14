"""Are two crystals the same? By pymatgen's StructureMatcher, at two sets of tolerances."""

from __future__ import annotations

from functools import cache

from lcom.crystal import Crystal

WIDE = {"ltol": 0.3, "stol": 0.5, "angle_tol": 10}  # of CD-VAE's papers: zincblende passes for rocksalt
SAME_RMSE = 0.1  # a match at these that is closer than this is the same structure
NARROW = {"ltol": 0.1, "stol": 0.15, "angle_tol": 3, "scale": False}  # one crystal, calculated twice


def match_rmse(reference: Crystal, crystal: Crystal) -> float | None:
    """Root mean square displacement after the best superposition at the wide tolerances; None if no match.

    In units of (volume per atom)^(1/3). Cells are made primitive and scaled to one volume first, so neither the choice
    of cell nor the density matters. Zincblende matches rocksalt with 0.433.
    """
    found = _matcher().get_rms_dist(reference.to_structure(), crystal.to_structure())
    return None if found is None else float(found[0])


@cache
def _matcher():
    from pymatgen.analysis.structure_matcher import StructureMatcher

    return StructureMatcher(**WIDE)
