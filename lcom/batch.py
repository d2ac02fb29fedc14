"""Crystals packed along their atoms: what the networks see at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lcom.crystal import Crystal


@dataclass(frozen=True)
class Batch:
    """Crystals packed along the atoms.

    numbers [N] int64 · frac_coords [N, 3] · lattice [B, 3, 3] rows in Å · n_atoms [B] int64 · bonds: those that were found
    beforehand (lcom.data.crystalnn), if any, [N, K, 4] int16: neighbour within the crystal (-1: none) and its image · energy, forces,
    virial: where they are to be learned, [B] eV/atom, [N, 3] eV/Å, [B, 3, 3] eV: dE/dstrain of the whole cell
    """

    numbers: Tensor
    frac_coords: Tensor
    lattice: Tensor
    n_atoms: Tensor
    bonds: Tensor | None = None
    energy: Tensor | None = None
    forces: Tensor | None = None
    virial: Tensor | None = None

    @property
    def crystal(self) -> Tensor:
        """[N] int64: the crystal of each atom."""
        return torch.repeat_interleave(
            torch.arange(len(self.n_atoms), device=self.n_atoms.device), self.n_atoms, output_size=len(self.numbers)
        )

    @property
    def labels(self) -> Tensor:
        """The energies; a ValueError if these crystals have none."""
        if self.energy is None:
            raise ValueError("these crystals have no energies to learn")
        return self.energy

    def to(self, device: torch.device | str) -> Batch:
        return self._map(lambda t: t.to(device))

    def replace(
        self, *, frac_coords: Tensor | None = None, lattice: Tensor | None = None, bonds: Tensor | None = None
    ) -> Batch:
        """The same atoms at other positions or in other cells, or with other bonds. Moved atoms have no known bonds nor labels."""
        return Batch(
            self.numbers,
            self.frac_coords if frac_coords is None else frac_coords,
            self.lattice if lattice is None else lattice,
            self.n_atoms,
            bonds,
        )

    def repeat(self, times: int) -> Batch:
        """All crystals ``times`` times, one block after the other: crystal s * B + b is copy s of crystal b."""
        return self._map(lambda t: t.repeat(times, *[1] * (t.dim() - 1)))

    def _map(self, function: Callable[[Tensor], Tensor]) -> Batch:
        needed = (function(t) for t in (self.numbers, self.frac_coords, self.lattice, self.n_atoms))
        others = (self.bonds, self.energy, self.forces, self.virial)
        return Batch(*needed, *(None if t is None else function(t) for t in others))


def pack(crystals: Sequence[Crystal]) -> Batch:
    """Crystals -> one batch (float32)."""
    return Batch(
        torch.tensor(np.concatenate([c.numbers for c in crystals])),
        torch.tensor(np.concatenate([c.frac_coords for c in crystals]), dtype=torch.float32),
        torch.tensor(np.stack([c.lattice for c in crystals]), dtype=torch.float32),
        torch.tensor([len(c) for c in crystals]),
    )


def unpack(batch: Batch) -> list[Crystal]:
    """The crystals of a batch."""
    sizes = batch.n_atoms.tolist()
    numbers = batch.numbers.cpu().numpy()
    frac = batch.frac_coords.double().cpu().numpy()
    lattice = batch.lattice.double().cpu().numpy()
    ends = np.cumsum(sizes)
    return [
        Crystal(numbers[e - n : e], frac[e - n : e], lattice[i])
        for i, (e, n) in enumerate(zip(ends, sizes, strict=True))
    ]


def select(batch: Batch, index: Tensor, starts: Tensor | None = None) -> Batch:
    """The crystals at index [M], in that order. starts [B]: the first atom of every crystal, where it is known."""
    sizes = batch.n_atoms[index]
    if starts is None:
        starts = torch.cumsum(batch.n_atoms, 0) - batch.n_atoms
    first = torch.repeat_interleave(starts[index] - (torch.cumsum(sizes, 0) - sizes), sizes)
    atoms = first + torch.arange(len(first), device=first.device)
    bonds, forces = (None if t is None else t[atoms] for t in (batch.bonds, batch.forces))
    energy, virial = (None if t is None else t[index] for t in (batch.energy, batch.virial))
    needed = (batch.numbers[atoms], batch.frac_coords[atoms], batch.lattice[index], sizes)
    return Batch(*needed, bonds, energy, forces, virial)
