"""What the k-points of the energies cost and are worth: GPAW energies against their density.

    python benchmarks/kpoints.py [--compounds MgO NaCl ZnS Si C] [--densities 2.0 2.5 3.0 3.5]

Each known ground state is taken with its atoms moved by 0.03 Å and its cell strained by 2 % at random, as candidates come without
symmetry. Energies in meV/atom relative to the last density, CPU seconds for one energy.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import time
from pathlib import Path

import numpy as np

from lcom.compounds import load_compounds
from lcom.crystal import Crystal
from lcom.dft.gpaw import energy
from lcom.dft.settings import DftSettings

ROOT = Path(__file__).resolve().parent.parent


def distorted(crystal: Crystal) -> Crystal:
    rng = np.random.default_rng(0)
    strain = 0.02 * rng.standard_normal((3, 3))
    moved = crystal.frac_coords + 0.03 * rng.standard_normal(crystal.frac_coords.shape) @ np.linalg.inv(crystal.lattice)
    return Crystal(crystal.numbers, moved, crystal.lattice @ (np.eye(3) + 0.5 * (strain + strain.T)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compounds", nargs="+", default=["MgO", "NaCl", "ZnS", "Si", "C"])
    parser.add_argument("--densities", type=float, nargs="+", default=[2.0, 2.5, 3.0, 3.5])
    args = parser.parse_args()
    print(f"{'':>6} " + " ".join(f"{f'{d:g} per Å⁻¹':>18}" for d in args.densities))
    for compound in load_compounds(ROOT / "data/compounds.csv", args.compounds):
        results = []
        for density in args.densities:
            begun = time.process_time()
            with contextlib.redirect_stdout(io.StringIO()):  # GPAW's own text
                found = energy(
                    distorted(compound.crystal()), dataclasses.replace(DftSettings(), kpoint_density=density)
                )
            results.append((found.energy, time.process_time() - begun))
        last = results[-1][0]
        cells = [f"{1000 * (value - last):8.1f} meV {seconds:4.0f} s" for value, seconds in results]
        print(f"{compound.formula:>6} " + " ".join(f"{cell:>18}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
