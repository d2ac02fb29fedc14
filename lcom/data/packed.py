"""Crystals in memory and on disk as packed tensors: what the networks read.

One safetensors file holds a set of crystals: numbers, frac_coords, lattice, n_atoms, formation_energy, energy_above, level,
the ids, and of crystals off the minima forces and virial. It needs no pymatgen, so a bare GPU node can train on it.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lcom.base.tensors import load_tensors, save_tensors
from lcom.batch import Batch, select

SLOPES = ("forces", "virial")  # of a Batch


@dataclass(frozen=True)
class Dataset:
    """Packed crystals with their energies in eV/atom.

    formation_energy [B] · energy_above [B]: above the lowest crystal of the same composition and level of theory in the data
    set · level [B] int: of theory, an index of levels; one for all, if not given
    """

    ids: list[str]
    batch: Batch
    formation_energy: Tensor
    energy_above: Tensor
    level: Tensor = dataclasses.field(default_factory=lambda: torch.zeros(1, dtype=torch.long))
    levels: list[str] = dataclasses.field(default_factory=lambda: [""])

    def __post_init__(self) -> None:
        object.__setattr__(self, "level", self.level.expand(len(self.ids)))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def labelled(self) -> Batch:
        """The crystals with their formation energies."""
        return dataclasses.replace(self.batch, energy=self.formation_energy)

    def of_first_level(self) -> Dataset:
        """The crystals whose formation energies are of one level of theory, the first one: others would be off by some constant
        for each element."""
        return dataclasses.replace(self.rows(torch.nonzero(self.level == 0).flatten()), levels=self.levels[:1])

    def rows(self, index: Tensor) -> Dataset:
        """The crystals at index [M], in that order."""
        return Dataset(
            [self.ids[i] for i in index.tolist()],
            select(self.batch, index),
            self.formation_energy[index],
            self.energy_above[index],
            self.level[index],
            self.levels,
        )

    @property
    def at_rest(self) -> Dataset:
        """The crystals as minima, which they are in a database of relaxed crystals: no forces, no virial."""
        forces, virial = torch.zeros_like(self.batch.frac_coords), torch.zeros_like(self.batch.lattice)
        return dataclasses.replace(self, batch=dataclasses.replace(self.batch, forces=forces, virial=virial))

    def with_others(self, others: Dataset) -> Dataset:
        """These crystals, then others of the same levels of theory; with forces and virials if both have them."""
        fields = ["numbers", "frac_coords", "lattice", "n_atoms"]
        slopes = [name for name in SLOPES if all(getattr(part.batch, name) is not None for part in (self, others))]
        joined = {
            name: torch.cat([getattr(part.batch, name) for part in (self, others)]) for name in (*fields, *slopes)
        }
        return Dataset(
            self.ids + others.ids,
            Batch(**joined),
            torch.cat([self.formation_energy, others.formation_energy]),
            torch.cat([self.energy_above, others.energy_above]),
            torch.cat([self.level, others.level]),
            self.levels,
        )

    def save(self, path: str | os.PathLike) -> None:
        b = self.batch
        tensors = {
            "numbers": b.numbers.to(torch.int16),
            "frac_coords": b.frac_coords,
            "lattice": b.lattice,
            "n_atoms": b.n_atoms.to(torch.int32),
            "formation_energy": self.formation_energy,
            "energy_above": self.energy_above,
            "level": self.level.to(torch.int16),
        }
        tensors |= {name: value for name in SLOPES if (value := getattr(b, name)) is not None}
        save_tensors(path, tensors, {"ids": self.ids, "levels": self.levels})

    @classmethod
    def load(cls, path: str | os.PathLike) -> Dataset:
        t, meta = load_tensors(path)
        slopes = {name: t[name] for name in SLOPES if name in t}
        batch = Batch(t["numbers"].long(), t["frac_coords"], t["lattice"], t["n_atoms"].long(), **slopes)
        if "level" not in t:
            raise ValueError(f"{path} was written by another version of lcom: delete it and run again")
        return cls(meta["ids"], batch, t["formation_energy"], t["energy_above"], t["level"].long(), meta["levels"])


class Loader:
    """Shuffled batches of a data set, each of crystals of about the same size, so that little is padded.

    Every epoch is a function of (seed, epoch) alone: a run that is killed and resumed sees the same batches. Of ``world`` processes
    each takes every world-th batch. state_dict and load_state_dict let Lightning go on in the middle of an epoch.
    """

    def __init__(
        self,
        data: Batch,
        batch_size: int,
        seed: int,
        shuffle: bool = True,
        pool: int = 8,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.data, self.batch_size, self.seed, self.shuffle, self.pool = data, batch_size, seed, shuffle, pool
        self.rank, self.world = rank, world
        self.epoch = 0
        self._first, self._done = 0, 0  # where to begin, and how many batches of this epoch were given
        self._starts = torch.cumsum(data.n_atoms, 0) - data.n_atoms

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def state_dict(self) -> dict[str, int]:
        return {"epoch": self.epoch, "batches": self._done}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.epoch, self._first = state["epoch"], state["batches"]

    def __len__(self) -> int:
        return -(-len(self.data.n_atoms) // self.batch_size) // self.world

    def __iter__(self) -> Iterator[Batch]:
        n = len(self.data.n_atoms)
        if not self.shuffle:
            order = torch.argsort(self.data.n_atoms, stable=True)
            chunks = list(order.split(self.batch_size))
        else:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
            order = torch.randperm(n, generator=generator)
            chunks = []
            for pool in order.split(self.pool * self.batch_size):  # sort by size within pools of a few batches
                chunks += pool[torch.argsort(self.data.n_atoms[pool], stable=True)].split(self.batch_size)
            chunks = [chunks[i] for i in torch.randperm(len(chunks), generator=generator)]
        first, self._first = self._first, 0
        for i, chunk in enumerate(chunks[self.rank :: self.world][first : len(self)], start=first):
            self._done = i + 1
            yield select(self.data, chunk, self._starts)
