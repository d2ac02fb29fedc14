"""CHGNet on many small crystals at once: energies, forces and stresses of a batch in one call.

The stock calculator takes one crystal a call, builds its graph in Python objects and keeps the graph of the gradients,
which makes 60-100 ms an evaluation. Here the neighbour lists are numpy arrays, the batch is one list of bonds, and one
backward pass gives forces and stresses. The network is CHGNet's (Deng et al., Nature Machine Intelligence 5, 1031, 2023),
with the r2scan weights that its wheel holds, evaluated by `network.Network`.
"""

from __future__ import annotations

import contextlib
import io
from functools import lru_cache

import numpy as np
import torch
from chgnet.model.model import CHGNet

from lcom.crystal import Crystal
from lcom.data.generator.evaluation import MAX_IMAGES, Evaluation, UnphysicalCrystal, image_reach, n_images
from lcom.data.generator.network import Bonds, Network


class Potential:
    """CHGNet's r2scan model as a function from crystals to `Evaluation`s."""

    def __init__(self) -> None:
        torch.set_flush_denormal(True)  # far neighbours give denormal numbers, which are 10 times slower
        with contextlib.redirect_stdout(io.StringIO()):  # it announces its number of parameters
            self.model = CHGNet.load(model_name="r2scan", use_device="cpu", verbose=False).eval()
        self.model.requires_grad_(False)
        self.network = Network(self.model)
        self.atom_cutoff = float(self.model.graph_converter.atom_graph_cutoff)
        self.bond_cutoff = float(self.model.graph_converter.bond_graph_cutoff)
        table = self.model.composition_model
        unit = torch.eye(table.max_num_elements)
        self.elemental = table._get_energy(unit).double().numpy()  # [94] eV/atom, the linear part of CHGNet

    def __call__(self, crystals: list[Crystal]) -> list[Evaluation]:
        """Evaluate a batch. Raises `UnphysicalCrystal` if one of them has too many cells within the cutoff."""
        bonds, owners = self._bonds(crystals)
        binding, gradient = (x.double().numpy() for x in self.network(bonds))  # [B] eV/atom, [U, 3] eV/Å
        (first, second), vectors = bonds.ends.numpy(), bonds.vectors.double().numpy()
        forces = np.zeros((len(bonds.numbers), 3))
        np.add.at(forces, first, gradient)
        np.subtract.at(forces, second, gradient)
        virial = np.zeros((len(crystals), 3, 3))
        np.add.at(virial, owners[first], vectors[:, :, None] * gradient[:, None, :])
        elemental = [self.elemental[crystal.numbers - 1].mean() for crystal in crystals]
        split = np.split(forces, np.cumsum([len(crystal) for crystal in crystals])[:-1])
        return [
            Evaluation(float(b + e), float(b), f, (v + v.T) / 2)
            for b, e, f, v in zip(binding, elemental, split, virial, strict=True)
        ]

    def _bonds(self, crystals: list[Crystal]) -> tuple[Bonds, np.ndarray]:
        """All bonds and angles of a batch, and the crystal of each atom [N]."""
        sizes = np.array([len(crystal) for crystal in crystals])
        found = [bond_list(crystal, self.atom_cutoff) for crystal in crystals]
        ends = np.concatenate([e + offset for (e, _), offset in zip(found, np.cumsum(sizes) - sizes, strict=True)], 1)
        vectors = np.concatenate([v for _, v in found])
        short = (vectors**2).sum(1) < self.bond_cutoff**2
        order = np.argsort(~short, kind="stable")
        ends, vectors, n_short = ends[:, order], vectors[order], int(short.sum())
        centre, sides = angle_list(ends[:, :n_short])
        owners = np.repeat(np.arange(len(crystals)), sizes)
        return Bonds(
            numbers=torch.from_numpy(np.concatenate([crystal.numbers for crystal in crystals])),
            owner=torch.from_numpy(owners),
            sizes=torch.from_numpy(sizes),
            ends=torch.from_numpy(ends),
            vectors=torch.from_numpy(vectors).float(),
            n_short=n_short,
            centre=torch.from_numpy(centre),
            sides=torch.from_numpy(sides),
        ), owners


def bond_list(crystal: Crystal, cutoff: float) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of atoms within `cutoff` Å, images included, each pair once.

    Returns the two atoms [2, n_bonds] and the vector from the first to the second [n_bonds, 3] in Å. Raises
    `UnphysicalCrystal` if more than `MAX_IMAGES` cells are within reach.
    """
    lattice, frac, n = crystal.lattice, crystal.frac_coords, len(crystal)
    if n_images(lattice, cutoff) > MAX_IMAGES:
        raise UnphysicalCrystal(f"more than {MAX_IMAGES} cells within {cutoff} Å: the cell is too flat or skewed")
    reach = image_reach(lattice, cutoff)
    images = _half_space(tuple(reach.tolist()))  # zero first, and one of each pair of opposite cells
    separation = ((frac[None, :] - frac[:, None]) @ lattice).reshape(-1, 3)  # [n * n, 3]
    shifts = images @ lattice  # [M, 3]
    far = np.sqrt((separation**2).sum(1).max()) + cutoff
    shifts = shifts[(shifts**2).sum(1) < far**2]
    squared = (separation**2).sum(1)[:, None] + 2 * separation @ shifts.T + (shifts**2).sum(1)  # [n * n, M]
    near = squared < cutoff**2
    near[:, 0] &= np.triu(
        np.ones((n, n), dtype=bool), 1
    ).ravel()  # in the cell itself each pair once, and no atom with itself
    pair, k = np.nonzero(near)
    return np.stack(np.divmod(pair, n)), separation[pair] + shifts[k]


@lru_cache(maxsize=512)
def _half_space(reach: tuple[int, int, int]) -> np.ndarray:
    """Of the cells within reach the zeroth, and of each pair of opposite ones the first, [M, 3]."""
    grid = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), -1).reshape(-1, 3)
    return grid[len(grid) // 2 :].astype(np.float64)


def angle_list(ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ordered pairs of different bonds at one atom, from bonds [2, S]: the atom [A], and the two bonds [2, A].

    Bond u is u seen from its first atom and S + u seen from its second.
    """
    centres = ends.ravel()
    order = np.argsort(centres, kind="stable")
    _, start, counts = np.unique(centres[order], return_index=True, return_counts=True)
    width = np.repeat(counts, counts)  # [2S] partners of each bond, itself included
    one = np.repeat(np.arange(len(order)), width)
    within = np.arange(len(one)) - np.repeat(np.cumsum(width) - width, width)
    two = np.repeat(np.repeat(start, counts), width) + within
    sides = order[np.stack([one, two])[:, one != two]]
    return centres[sides[0]], sides


def neighbour_list(crystal: Crystal, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All neighbours within `cutoff` Å, images included.

    Returns pairs [n_edges, 2] (centre, neighbour), displacements [n_edges, 3] from centre to neighbour in Å, and a
    number that an edge and its reverse share [n_edges]. Raises `UnphysicalCrystal` if more than `MAX_IMAGES` cells are
    within reach.
    """
    lattice, frac, n = crystal.lattice, crystal.frac_coords, len(crystal)
    reach = image_reach(lattice, cutoff)
    if n_images(lattice, cutoff) > MAX_IMAGES:
        raise UnphysicalCrystal(f"more than {MAX_IMAGES} cells within {cutoff} Å: the cell is too flat or skewed")
    images = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), -1).reshape(-1, 3)
    separation = (frac[None, :] - frac[:, None]) @ lattice  # [n, n, 3]
    vectors = separation[:, :, None] + images @ lattice  # [n, n, n_images, 3]
    squared = (vectors**2).sum(-1)
    near = (squared < cutoff**2) & (squared > 1e-8)
    near &= near.transpose(1, 0, 2)[:, :, ::-1]  # an edge and its reverse round alike
    i, j, k = np.nonzero(near)
    count = len(images)
    reverse_id = np.minimum((i * n + j) * count + k, (j * n + i) * count + count - 1 - k)
    return np.stack((i, j), 1), vectors[i, j, k], reverse_id
