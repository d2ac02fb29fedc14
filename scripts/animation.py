"""docs/found.gif: a crystal being found. A training crystal with its atoms swapped descends on the surrogates; what the latents on the way
decode to is drawn, with its space group and its energy by CHGNet.

    python scripts/animation.py MgO docs/found.gif [--seed 0]

By the networks that come with lcom, which have not seen the compound.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import spglib
import torch
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lcom.base.seeding import generator
from lcom.batch import pack, unpack
from lcom.cdvae.decoding import decode
from lcom.cdvae.settings import DecodeSettings
from lcom.compounds import Compound, load_compounds
from lcom.crystal import Crystal
from lcom.data.generator.potential import Potential
from lcom.data.shipped import FOLDER
from lcom.elements import covalent_radius
from lcom.prediction.networks import Trained
from lcom.prediction.rank import refine
from lcom.report.style import plain
from lcom.starts.swapped import draw, fitting
from lcom.starts.volume import fit_volumes
from lcom.surrogate.descent import optimise
from lcom.surrogate.settings import OptimiseSettings
from lcom.symmetry import SYMPREC

STEPS = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 25, 30, 40, 60, 80, 100]  # shown
LAST = 10  # times that the last frame is shown
HALF = 4.2  # Å from the middle to an edge of the picture
BOND = 1.4  # times the sum of covalent radii
VIEW = np.array([[0.97, 0.0, -0.24], [-0.06, 0.97, -0.24], [0.23, 0.25, 0.94]])  # nearly along the third axis


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("compound")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    (known,) = load_compounds(Path("data/compounds.csv"), [args.compound])
    crystals, potential = descend(known, args.seed), Potential()
    energies = np.array([found.energy for found in potential(crystals)]) - potential([known.crystal()])[0].energy
    print(f"CHGNet, meV/atom above the known ground state: {np.round(1000 * energies).astype(int).tolist()}")
    save(crystals, 1000 * energies, known.formula, args.out)


@torch.no_grad()
def descend(known: Compound, seed: int) -> list[Crystal]:
    """What is decoded at the STEPS of a descent on the surrogate of this seed."""
    trained = Trained.load(FOLDER, "cpu")
    networks, pool, numbers = trained.networks, trained.train.batch, known.numbers
    rng = generator("animation", seed, known.formula)
    batch = pack([draw(pool, fitting(pool, numbers), numbers, fit_volumes(pool), rng)])
    z, c = networks.model.encode(batch)[0], networks.model.composition(batch)
    vote = torch.tensor([seed % networks.surrogate.sizes[2]])
    settings = OptimiseSettings(steps=max(STEPS), stop="last")
    path = optimise(networks.surrogate, z, c, vote, networks.train_z, networks.val_z, settings)
    several = batch.repeat(len(STEPS))
    keys = [("animation", known.formula)] * len(STEPS)  # the same noise at every step
    decoding = networks.decoding(DecodeSettings(samples=1))
    return unpack(decode(networks.model, path.latents[STEPS, 0], several, decoding, keys)[0])


def save(crystals: list[Crystal], energies: np.ndarray, formula: str, out: Path) -> None:
    """energies: meV/atom"""
    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.3])
    symbols = [refine(crystal).symbol for crystal in crystals]

    def frame(k: int) -> list:
        k = min(k, len(crystals) - 1)
        left.clear()
        right.clear()
        atoms(left, crystals[k])
        left.set_title(f"{formula}, step {STEPS[k]}: {symbols[k]}", fontsize=11)
        right.plot(STEPS, energies, color="0.85", zorder=1)
        right.plot(STEPS[: k + 1], energies[: k + 1], "o-", color="#0072B2", markersize=4)
        right.axhline(0, color="0.35", linewidth=0.9)
        plain(right)
        right.set_xlabel("steps of descent (energies by CHGNet)")
        right.set_ylabel("meV/atom above the known crystal")
        right.set_xlim(-2, STEPS[-1] + 2)
        right.set_ylim(min(0, energies.min()) - 0.08 * energies.max(), 1.1 * energies.max())
        return []

    FuncAnimation(figure, frame, frames=len(crystals) + LAST).save(out, writer=PillowWriter(fps=3), dpi=90)


def atoms(axes: Axes, crystal: Crystal) -> None:
    """The conventional cell with what lies on its faces, and bonds; what is farther away is paler."""
    from ase.data.colors import jmol_colors

    cell = spglib.standardize_cell((crystal.lattice, crystal.frac_coords, crystal.numbers), symprec=SYMPREC)
    lattice, frac, numbers = cell or (crystal.lattice, crystal.frac_coords, crystal.numbers)
    grid = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)
    places, numbers = ((frac - frac[0])[:, None] + grid).reshape(-1, 3), np.repeat(numbers, len(grid))
    inside = (np.abs(places - 0.5) < 0.51).all(1)
    places, numbers = (places[inside] - 0.5) @ lattice, numbers[inside]
    radii = covalent_radius(numbers)
    seen = places @ VIEW.T
    depth = np.clip((seen[:, 2] / HALF + 1) / 2, 0, 1)
    apart = np.linalg.norm(places[:, None] - places, axis=-1)
    bonded = np.triu((apart < BOND * (radii[:, None] + radii)) & (numbers[:, None] != numbers), 1)
    for i, j in np.argwhere(bonded):
        paler = float(0.85 - 0.45 * (depth[i] + depth[j]) / 2)
        axes.plot(*seen[[i, j], :2].T, color=str(paler), linewidth=2, zorder=float(depth[i] + depth[j]) / 2 - 0.02)
    for i in range(len(seen)):
        colour = 1 - (1 - jmol_colors[numbers[i]]) * np.clip(0.35 + 0.65 * depth[i], 0, 1)
        axes.scatter(
            *seen[i, :2], s=190 * radii[i] ** 2, color=[colour], edgecolors="0.35", linewidths=0.5, zorder=depth[i]
        )
    axes.set_xlim(-HALF, HALF)
    axes.set_ylim(-HALF, HALF)
    axes.set_aspect("equal")
    axes.axis("off")


if __name__ == "__main__":
    main()
