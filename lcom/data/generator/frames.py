"""Crystals off the minima: what a relaxation saw on its way, with energies, forces and stresses.

Of each walk the start and crystals on its way are kept, spread in energy, two if it ended in a minimum and else one; of each
shaken crystal its start.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lcom.data.generator.relaxation import Frame, Relaxed
from lcom.data.off_minimum import OffMinimum

WINDOW = 2.5  # eV/atom above the lowest polymorph
MAX_FORCE, MAX_STRESS = 30.0, 3.0  # eV/Å, eV/Å³
LEAST = 0.01  # eV/atom between two frames of a walk: the minimum itself is there already
ON_THE_WAY = (0.3, 0.07)  # of the energy that a walk goes down
CONTACT = 0.5  # of the sum of covalent radii


def frames_of(formula: str, walks: Sequence[tuple[str, str, Relaxed]], lowest: float) -> list[OffMinimum]:
    """The frames to keep of the walks (prototype, start or shaken, walk) of a composition."""
    kept = []
    for prototype, stage, walk in walks:
        sound = [frame for frame in walk.frames if _is_physical(frame, lowest)]
        if not sound:
            continue
        chosen = [(stage, walk.frames[0])] if sound[0] is walk.frames[0] else []
        if stage == "start":
            on_the_way = _on_the_way(sound, walk.energy)
            chosen += [("way", frame) for frame in (on_the_way if walk.ok else on_the_way[:1])]
        apart: list[tuple[str, Frame]] = []
        for name, frame in chosen:
            energy = frame.found.energy
            if all(abs(energy - other.found.energy) > LEAST for _, other in apart) and energy > walk.energy + LEAST / 3:
                apart.append((name, frame))
        kept += [_off_minimum(formula, prototype, name, frame) for name, frame in apart]
    return kept


def _on_the_way(frames: list[Frame], end: float) -> list[Frame]:
    """Those whose energies above the end are nearest to `ON_THE_WAY` of the first one's."""
    above = np.array([frame.found.energy for frame in frames]) - end
    return [frames[int(np.argmin(np.abs(above - part * above[0])))] for part in ON_THE_WAY]


def _is_physical(frame: Frame, lowest: float) -> bool:
    from ase.data import covalent_radii

    found, crystal = frame.found, frame.crystal
    stress = np.abs(found.virial).max() / crystal.volume
    if not (found.energy < lowest + WINDOW and np.abs(found.forces).max() < MAX_FORCE and stress < MAX_STRESS):
        return False
    if found.energy < lowest - 0.05:  # below all minima: a hole of the potential
        return False
    from lcom.data.generator.potential import bond_list

    ends, vectors = bond_list(crystal, 4.0)
    return not (np.linalg.norm(vectors, axis=1) < CONTACT * covalent_radii[crystal.numbers[ends]].sum(0)).any()


def _off_minimum(formula: str, prototype: str, stage: str, frame: Frame) -> OffMinimum:
    found = frame.found
    stress = found.virial / frame.crystal.volume
    return OffMinimum(formula, prototype, stage, frame.crystal, found.energy, found.forces, stress)
