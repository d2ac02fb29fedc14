"""CHGNet on many small crystals at once: energies, forces and stresses of a batch in one call.

The stock calculator takes one crystal a call, builds its graph in Python objects and keeps the graph of the gradients,
which makes 60-100 ms an evaluation. Here the neighbour lists are numpy arrays, the batch is one graph, and one backward
pass gives forces and stresses. The network itself is CHGNet's (Deng et al., Nature Machine Intelligence 5, 1031, 2023),
with the r2scan weights that its wheel holds.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass

import numpy as np
import torch
from chgnet.model.model import BatchedGraph, CHGNet

from lcom.crystal import Crystal

MAX_IMAGES = 4000  # cells within the cutoff; a flat or needle-like cell has tens of thousands and would never end


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What CHGNet says of one crystal.

    energy   eV/atom
    binding  the part of it that is not a sum over elements, eV/atom: -4 to 8 in real crystals
    forces   [n, 3] eV/Å
    virial   [3, 3] dE/dstrain of the whole cell in eV: stress times volume
    """

    energy: float
    binding: float
    forces: np.ndarray
    virial: np.ndarray


class UnphysicalCrystal(ValueError):
    """A cell that the potential should not see: collapsed, blown up or too skewed."""


class Potential:
    """CHGNet's r2scan model as a function from crystals to `Evaluation`s."""

    def __init__(self) -> None:
        torch.set_flush_denormal(True)  # far neighbours give denormal numbers, which are 10 times slower
        with contextlib.redirect_stdout(io.StringIO()):  # it announces its number of parameters
            self.model = CHGNet.load(model_name="r2scan", use_device="cpu", verbose=False).eval()
        self.model.requires_grad_(False)
        self.atom_cutoff = float(self.model.graph_converter.atom_graph_cutoff)
        self.bond_cutoff = float(self.model.graph_converter.bond_graph_cutoff)

    def __call__(self, crystals: list[Crystal]) -> list[Evaluation]:
        """Evaluate a batch. Raises `UnphysicalCrystal` if one of them has too many cells within the cutoff."""
        neighbours = [neighbour_list(crystal, self.atom_cutoff) for crystal in crystals]
        sizes = [len(crystal) for crystal in crystals]
        owners = torch.repeat_interleave(torch.arange(len(crystals)), torch.tensor(sizes))  # [n_atoms]
        shift = torch.zeros(len(owners), 3, requires_grad=True)  # Å
        strain = torch.zeros(len(crystals), 3, 3, requires_grad=True)
        graph = self._graph(crystals, neighbours, owners, shift, strain)
        energy = self.model._compute(graph)["e"]  # eV/atom
        total = (energy * torch.tensor(sizes)).sum()
        gradient, virial = (g.double().numpy() for g in torch.autograd.grad(total, (shift, strain)))
        binding = energy.detach().double().numpy()
        energies = binding + self._composition_energy(crystals).double().numpy()
        forces = np.split(-gradient, np.cumsum(sizes)[:-1])
        return [
            Evaluation(float(e), float(b), f, (v + v.T) / 2)
            for e, b, f, v in zip(energies, binding, forces, virial, strict=True)
        ]

    def _composition_energy(self, crystals: list[Crystal]) -> torch.Tensor:
        """The linear part of CHGNet, a sum over elements, eV/atom [n_crystals]."""
        width = self.model.composition_model.max_num_elements
        counts = [np.bincount(crystal.numbers - 1, minlength=width) / len(crystal) for crystal in crystals]
        return self.model.composition_model._get_energy(torch.tensor(np.array(counts), dtype=torch.float32))

    def _graph(self, crystals, neighbours, owners, shift, strain) -> BatchedGraph:
        """All crystals as one of CHGNet's batched graphs, differentiable in `shift` and `strain`."""
        edges, vectors, undirected, first, angles = [], [], [], [], []
        n_atoms = n_edges = n_undirected = 0
        for crystal, (pairs, displacement, reverse_id) in zip(crystals, neighbours, strict=True):
            _, representative, inverse = np.unique(reverse_id, return_index=True, return_inverse=True)
            edges.append(pairs + n_atoms)
            vectors.append(displacement)
            undirected.append(inverse + n_undirected)
            first.append(representative + n_edges)
            angles.append(_edge_pairs(pairs[:, 0], displacement, self.bond_cutoff) + n_edges)
            n_atoms += len(crystal)
            n_edges += len(pairs)
            n_undirected += len(representative)
        edges, undirected, first, angles = (
            torch.from_numpy(np.concatenate(part)) for part in (edges, undirected, first, angles)
        )
        vectors = torch.from_numpy(np.concatenate(vectors)).float()
        strained = vectors + torch.bmm(vectors[:, None], strain[owners[edges[:, 0]]])[:, 0]
        bonds = shift[edges[:, 0]] - shift[edges[:, 1]] - strained  # centre minus neighbour, CHGNet's sign
        lengths = bonds.norm(dim=1)
        directions = bonds / lengths[:, None]
        encoder = self.model.bond_basis_expansion
        triplets = torch.stack((edges[angles[:, 0], 0], undirected[angles[:, 0]], undirected[angles[:, 1]]), 1)
        return BatchedGraph(
            atomic_numbers=torch.from_numpy(np.concatenate([crystal.numbers for crystal in crystals])).int(),
            bond_bases_ag=encoder.rbf_expansion_ag(lengths[first]),
            bond_bases_bg=encoder.rbf_expansion_bg(lengths[first]),
            angle_bases=self.model.angle_basis_expansion(directions[angles[:, 0]], directions[angles[:, 1]]),
            batched_atom_graph=edges,
            batched_bond_graph=triplets,
            atom_owners=owners,
            directed2undirected=undirected,
            atom_positions=[shift],
            strains=[strain],
            volumes=torch.tensor([crystal.volume for crystal in crystals]),
        )


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


def image_reach(lattice: np.ndarray, cutoff: float) -> np.ndarray:
    """How many cells along each axis hold all points within `cutoff` of a cell with atoms at fractions [0, 1), [3]."""
    heights = 1 / np.linalg.norm(np.linalg.inv(lattice), axis=0)  # Å between opposite faces
    return np.ceil(np.minimum(cutoff / heights, 1e6)).astype(int) + 1


def n_images(lattice: np.ndarray, cutoff: float) -> float:
    """How many cells a neighbour list within `cutoff` Å looks through."""
    return float(np.prod(2.0 * image_reach(lattice, cutoff) + 1))


def _edge_pairs(centres: np.ndarray, displacement: np.ndarray, cutoff: float) -> np.ndarray:
    """Ordered pairs of different edges shorter than `cutoff` from the same centre, [n_pairs, 2]. `centres`: sorted."""
    short = np.nonzero((displacement**2).sum(1) < cutoff**2)[0]
    _, start, counts = np.unique(centres[short], return_index=True, return_counts=True)
    pairs = [
        np.stack(np.meshgrid(short[s : s + c], short[s : s + c], indexing="ij"), -1).reshape(-1, 2)
        for s, c in zip(start, counts, strict=True)
    ]
    pairs = np.concatenate([np.empty((0, 2), dtype=np.int64), *pairs])
    return pairs[pairs[:, 0] != pairs[:, 1]]
