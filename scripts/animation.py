"""docs/found.gif: a crystal being found. A training crystal with its atoms swapped descends on the surrogates; what the latents on the way
decode to is drawn, beside the energies that the surrogates promise and that CHGNet calculates.

    python scripts/animation.py MgO docs/found.gif [--seed 0]

By the networks that come with lcom, which must not have seen the compound.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lcom.base.seeding import generator
from lcom.batch import pack, unpack
from lcom.cdvae.decoding import decode
from lcom.cdvae.settings import DecodeSettings
from lcom.compounds import load_compounds
from lcom.crystal import Crystal
from lcom.data.generator.potential import Potential
from lcom.data.shipped import FOLDER, trained_on
from lcom.elements import covalent_radius
from lcom.prediction.networks import Trained
from lcom.report.style import plain
from lcom.starts.swapped import draw, fitting
from lcom.starts.volume import fit_volumes
from lcom.surrogate.descent import optimise
from lcom.surrogate.settings import OptimiseSettings

SHOWN = [0, 2, 4, 6, 8, 10, 13, 16, 20, 25, 30, 35, 40, 50, 60, 70, 80, 90, 100]  # steps
LAST = 12  # times that the last frame is shown
RADIUS = 6.0  # Å around an atom: what is drawn
TILT = np.array([[0.94, 0.12, -0.32], [0.0, 0.94, 0.34], [0.34, -0.32, 0.88]])  # the view: nearly along an axis


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("compound")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    (known,) = load_compounds(Path("data/compounds.csv"), [args.compound])
    if known.formula in trained_on(FOLDER):
        raise SystemExit(f"{known.formula}: the networks were trained on it")
    crystals, predicted = descend(known.numbers, known.formula, args.seed)
    potential = Potential()
    energies = np.array([found.energy for found in potential(crystals)]) - potential([known.crystal()])[0].energy
    print(f"CHGNet, meV/atom above the known ground state: {np.round(1000 * energies).astype(int).tolist()}")
    save(crystals, predicted, energies, known.formula, args.out)


@torch.no_grad()
def descend(numbers: np.ndarray, formula: str, seed: int) -> tuple[list[Crystal], np.ndarray]:
    """What is decoded at the steps SHOWN, and the energies that the surrogate of the seed promises, eV/atom."""
    trained = Trained.load(FOLDER, "cpu")
    networks, pool = trained.networks, trained.train.batch
    start = draw(pool, fitting(pool, numbers), numbers, fit_volumes(pool), generator("animation", seed, formula))
    batch = pack([start])
    z, c, vote = (
        networks.model.encode(batch)[0],
        networks.model.composition(batch),
        torch.tensor([seed % networks.surrogate.sizes[2]]),
    )
    settings = OptimiseSettings(steps=max(SHOWN), stop="last")
    path = optimise(networks.surrogate, z, c, vote, networks.train_z, networks.val_z, settings)
    several = pack([start] * len(SHOWN))
    keys = [("animation", formula)] * len(SHOWN)  # the same noise for every step
    found, _ = decode(
        networks.model, path.latents[SHOWN, 0], several, networks.decoding(DecodeSettings(samples=1)), keys
    )
    return unpack(found), path.predicted[SHOWN, 0].numpy()


def save(crystals: list[Crystal], predicted: np.ndarray, energies: np.ndarray, formula: str, out: Path) -> None:
    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.3])
    promised = 1000 * (predicted - predicted[-1] + energies[-1])

    def frame(k: int) -> list:
        k = min(k, len(crystals) - 1)
        for axes in (left, right):
            axes.clear()
        atoms(left, crystals[k])
        left.set_title(f"{formula}, step {SHOWN[k]}", fontsize=11)
        right.plot(SHOWN, 1000 * energies, color="0.85", zorder=1)
        right.plot(
            SHOWN[: k + 1],
            1000 * energies[: k + 1],
            "o-",
            color="#0072B2",
            markersize=4,
            label="what is decoded, by CHGNet",
        )
        right.plot(SHOWN[: k + 1], promised[: k + 1], "--", color="#D55E00", label="what the surrogate promises")
        right.axhline(0, color="0.35", linewidth=0.9)
        plain(right)
        right.set_xlabel("steps down the surrogate")
        right.set_ylabel("meV/atom above the ground state")
        right.set_xlim(-2, SHOWN[-1] + 2)
        lowest, highest = min(0, 1000 * energies.min()), 1000 * energies.max()
        right.set_ylim(lowest - 0.08 * highest, 1.1 * highest)
        right.legend(loc="upper right", frameon=False, fontsize=9)
        return []

    animation = FuncAnimation(figure, frame, frames=len(crystals) + LAST)
    animation.save(out, writer=PillowWriter(fps=4), dpi=90)


def atoms(axes: Axes, crystal: Crystal) -> None:
    """The atoms within RADIUS of the first one, the farther ones behind and paler."""
    from ase.data.colors import jmol_colors

    grid = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3, indexing="ij"), -1).reshape(-1, 3)
    frac = (crystal.frac_coords - crystal.frac_coords[0])[:, None] + grid
    places = (frac @ crystal.lattice).reshape(-1, 3)
    numbers = np.repeat(crystal.numbers, len(grid))
    near = np.linalg.norm(places, axis=1) < RADIUS
    seen, numbers = places[near] @ TILT.T, numbers[near]
    for i in np.argsort(seen[:, 2]):
        colour = 1 - (1 - jmol_colors[numbers[i]]) * (0.45 + 0.55 * (seen[i, 2] + RADIUS) / (2 * RADIUS))
        size = 420 * float(covalent_radius(numbers[i])) ** 2 / 1.4
        axes.scatter(seen[i, 0], seen[i, 1], s=size / 2, color=[colour], edgecolors="0.35", linewidths=0.5)
    axes.set_xlim(-RADIUS, RADIUS)
    axes.set_ylim(-RADIUS, RADIUS)
    axes.set_aspect("equal")
    axes.axis("off")


if __name__ == "__main__":
    main()
