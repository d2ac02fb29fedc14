"""Packed crystals, their files and their batches."""

import dataclasses

import numpy as np
import pytest
import torch

from lcom.base.tensors import load_tensors
from lcom.batch import pack, select, unpack
from lcom.data.packed import Dataset, Loader
from tests.crystals import KNOWN, random_crystals


def _dataset() -> Dataset:
    crystals = [*random_crystals(5, 3), *random_crystals(4, 2, 1), *KNOWN.values()]
    n = len(crystals)
    return Dataset([f"c{i}" for i in range(n)], pack(crystals), torch.arange(n) * 0.1, torch.arange(n) * 0.01)


def test_pack_and_unpack() -> None:
    crystals = list(KNOWN.values())
    for a, b in zip(crystals, unpack(pack(crystals)), strict=True):
        assert (a.numbers == b.numbers).all()
        np.testing.assert_allclose(a.lattice, b.lattice, atol=1e-5)
        difference = a.frac_coords - b.frac_coords
        np.testing.assert_allclose(difference - np.round(difference), 0, atol=1e-6)


def test_select() -> None:
    crystals = [*random_crystals(3, 4), *random_crystals(2, 2)]
    index = torch.tensor([4, 0, 2, 0])
    picked, expected = select(pack(crystals), index), pack([crystals[i] for i in index])
    for name in ("numbers", "frac_coords", "lattice", "n_atoms"):
        assert torch.equal(getattr(picked, name), getattr(expected, name))


def test_file_round_trip(tmp_path) -> None:
    data = _dataset()
    data.save(tmp_path / "d.safetensors")
    loaded = Dataset.load(tmp_path / "d.safetensors")
    assert loaded.ids == data.ids and torch.equal(loaded.batch.frac_coords, data.batch.frac_coords)
    assert torch.equal(loaded.energy_above, data.energy_above) and loaded.batch.numbers.dtype == torch.int64
    assert loaded.batch.forces is None and loaded.batch.virial is None


def test_forces_and_virials_go_where_their_crystals_go(tmp_path) -> None:
    data = _dataset()
    b = data.batch
    forces, virial = torch.randn(len(b.numbers), 3), torch.randn(len(b.n_atoms), 3, 3)
    moving = dataclasses.replace(data, batch=dataclasses.replace(b, forces=forces, virial=virial))
    moving.save(tmp_path / "d.safetensors")
    loaded = Dataset.load(tmp_path / "d.safetensors")
    together = data.at_rest.with_others(loaded)
    assert torch.equal(together.batch.forces, torch.cat([torch.zeros_like(forces), forces]))
    assert torch.equal(together.batch.virial, torch.cat([torch.zeros_like(virial), virial]))
    n = len(data)
    chosen = together.rows(torch.tensor([n + 5, 2, n])).labelled.repeat(2)
    first, sizes = torch.cumsum(b.n_atoms, 0) - b.n_atoms, b.n_atoms
    parts = [forces[first[5] : first[5] + sizes[5]], torch.zeros(int(sizes[2]), 3), forces[: sizes[0]]]
    assert torch.equal(chosen.forces, torch.cat(parts * 2))
    assert torch.equal(chosen.virial, torch.stack([virial[5], torch.zeros(3, 3), virial[0]]).repeat(2, 1, 1))
    assert data.with_others(loaded).batch.forces is None and chosen.replace(lattice=chosen.lattice).forces is None


def test_same_data_same_bytes(tmp_path) -> None:
    for name in ("a", "b"):
        _dataset().save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
def test_damaged_file_is_named(tmp_path, damage: str) -> None:
    path = tmp_path / "d.safetensors"
    _dataset().save(path)
    content = path.read_bytes()
    path.write_bytes({"cut": content[: len(content) // 2], "text": b"not tensors at all", "empty": b""}[damage])
    with pytest.raises(ValueError, match=r"d\.safetensors is damaged"):
        load_tensors(path)


def test_every_crystal_once_an_epoch_and_the_order_depends_on_seed_and_epoch_alone() -> None:
    data = _dataset().batch

    def volumes(loader: Loader) -> list[float]:
        return [round(float(v), 3) for b in loader for v in torch.linalg.det(b.lattice).abs()]

    loader = Loader(data, 4, seed=1)
    first = volumes(loader)
    assert sorted(first) == sorted(volumes(Loader(data, 4, seed=1, shuffle=False)))
    assert first == volumes(loader)
    loader.set_epoch(1)
    assert volumes(loader) != first
    assert len(list(loader)) == len(loader)
    resumed = Loader(data, 4, seed=1)
    resumed.set_epoch(1)
    assert volumes(resumed) == volumes(loader)


def test_batches_hold_crystals_of_like_size() -> None:
    data = pack([c for n in (2, 4, 8) for c in random_crystals(32, n, n)])
    spread = [int(b.n_atoms.max() - b.n_atoms.min()) for b in Loader(data, 8, seed=0)]
    assert np.mean(spread) < 2
