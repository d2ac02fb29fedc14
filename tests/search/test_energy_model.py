"""The energy model: the symmetries of crystals, training, scoring in batches, files."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lcom.batch import pack, unpack
from lcom.crystal import Crystal
from lcom.data.packed import Dataset
from lcom.nets.training import train
from lcom.search.energy_model import WIDEST, EnergyModel
from lcom.search.settings import EnergyModelSettings
from lcom.search.settle import settled
from lcom.symmetry import operations
from tests.crystals import KNOWN, random_crystals, rotation, supercell
from tests.tiny import FAST, PAIRS, SMALL, dataset

SETTINGS = EnergyModelSettings(encoder=SMALL.encoder, neighbours=12)


@pytest.fixture(scope="module")
def model() -> EnergyModel:
    torch.manual_seed(0)
    model = EnergyModel(EnergyModelSettings()).eval()
    model.std.fill_(0.7)
    model.mean.fill_(-1.5)
    return model


def _energy(model: EnergyModel, *crystals: Crystal) -> torch.Tensor:
    with torch.no_grad():
        return model(pack(crystals))


def test_nothing_but_the_crystal_counts(model: EnergyModel) -> None:
    """Rotation, translation, order of atoms, another choice of cell and supercells change no energy per atom."""
    crystals = [*random_crystals(4, 5), KNOWN["ZnO"], KNOWN["NaCl"], KNOWN["C"]]
    expected = _energy(model, *crystals)
    assert expected.std() > 1e-3
    order = np.random.default_rng(0)
    variants = {
        "rotated": [Crystal(c.numbers, c.frac_coords, c.lattice @ rotation(1).T) for c in crystals],
        "shifted": [Crystal(c.numbers, c.frac_coords + [0.3, 0.61, 0.17], c.lattice) for c in crystals],
        "permuted": [Crystal(c.numbers[p], c.frac_coords[p], c.lattice) for c in crystals for p in [order.permutation(len(c))]],
        "supercell": [supercell(c, np.array([[2, 0, 0], [0, 1, 0], [1, 0, 1]])) for c in crystals],
        "other cell": [supercell(c, np.array([[1, 1, 0], [0, 1, 0], [0, -1, 1]])) for c in crystals],
    }  # fmt: skip
    for name, changed in variants.items():
        torch.testing.assert_close(_energy(model, *changed), expected, rtol=1e-5, atol=1e-4, msg=name)


@pytest.mark.parametrize("name", KNOWN)
def test_forces_and_virials_have_the_symmetry_of_the_crystal(model: EnergyModel, name: str) -> None:
    """In rocksalt neighbour 21 is one of eight that are equally far: none of these counts more than another."""
    found = operations(KNOWN[name], 1e-2)
    assert found is not None
    crystal = found.averaged(KNOWN[name])[0]
    _, forces, virial = (values.squeeze(0).double().numpy() for values in model.slopes(pack([crystal])))
    pushed, pulled = found.project(crystal.lattice, forces.reshape(-1, 3), virial)
    np.testing.assert_allclose(forces.reshape(-1, 3), pushed, atol=2e-4)
    np.testing.assert_allclose(virial, pulled, atol=2e-4 * max(1.0, np.abs(pulled).max()))


def test_scores_do_not_depend_on_the_batch(model: EnergyModel) -> None:
    crystals = random_crystals(9, 3)
    stacked = [np.stack(a) for a in zip(*((c.numbers, c.frac_coords, c.lattice) for c in crystals), strict=True)]
    scores = model.score(*stacked, size=4)
    assert scores.shape == (9,) and scores.dtype == np.float64
    np.testing.assert_allclose(scores, _energy(model, *crystals), atol=1e-5)
    assert model.score(*(a[:0] for a in stacked)).shape == (0,)


def test_each_crystal_is_scaled_to_where_its_energy_is_lowest(model: EnergyModel, monkeypatch) -> None:
    """Against a fine scan; and where the lowest is known: inside, and at the widest scale where it lies beyond."""
    crystals = [KNOWN["NaCl"], KNOWN["ZnO"], *random_crystals(3, 4)]
    batch = pack(crystals)
    assert model.settings.strain and model.at_lowest_volumes(batch)[0] is batch
    monkeypatch.setattr(model, "settings", dataclasses.replace(model.settings, strain=0.0))
    found, energies = model.at_lowest_volumes(batch)
    torch.testing.assert_close(_energy(model, *unpack(found)), energies, rtol=1e-4, atol=1e-4)
    fine = torch.linspace(1 - WIDEST, 1 + WIDEST, 161)
    with torch.no_grad():
        scan = torch.stack([model(batch.replace(lattice=batch.lattice * s)) for s in fine])
        lowest, asked = scan.min(0).values, model(batch)
    assert (energies <= asked + 1e-4).all()
    assert ((energies - lowest) <= 0.1 * (scan.max(0).values - lowest) + 1e-4).all()

    edges = batch.lattice[:, 0].norm(dim=-1)
    best = torch.tensor([0.97, 1.03, 1.0, 2.0, 0.1])

    def parabolas(many):
        times = len(many.n_atoms) // len(edges)
        return (many.lattice[:, 0].norm(dim=-1) / edges.repeat(times) - best.repeat(times)) ** 2

    monkeypatch.setattr(model, "energies", parabolas)
    scaled, _ = model.at_lowest_volumes(batch)
    torch.testing.assert_close(
        scaled.lattice[:, 0].norm(dim=-1) / edges, best.clamp(1 - WIDEST, 1 + WIDEST), atol=1e-4, rtol=0
    )


def test_it_learns_and_repeats_itself(tmp_path: Path) -> None:
    data = dataset(PAIRS[:9])
    training = dataclasses.replace(FAST, epochs=60, lr=5e-3)
    settings = dataclasses.replace(SETTINGS, noise=0.01, strain=0.0)

    def fit(name: str) -> EnergyModel:
        folder = tmp_path / name
        return train(
            EnergyModel, data, dataset(PAIRS[9:]), settings, training, folder / "state", "cpu", folder / "m.csv"
        )

    first = fit("a")
    with torch.no_grad():
        error = (first(data.batch) - data.formation_energy).abs().mean()
    assert error < 0.3 * data.formation_energy.std()
    first.save(tmp_path / "a.safetensors")
    fit("b").save(tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    loaded = EnergyModel.load(tmp_path / "a.safetensors")
    with torch.no_grad():
        torch.testing.assert_close(loaded(data.batch), first(data.batch))


def test_crystals_are_perturbed_in_training_only() -> None:
    torch.manual_seed(0)
    model, batch = EnergyModel(SETTINGS), dataset().labelled

    def loss(seed: int) -> float:
        return float(model.losses(batch, torch.Generator().manual_seed(seed))["mae"].detach())

    model.train()
    assert loss(0) != loss(1)
    model.eval()
    with torch.no_grad():
        by_hand = float((model(batch) - batch.energy).abs().mean())
    assert loss(0) == loss(1) == pytest.approx(by_hand)


def test_the_loss_by_hand() -> None:
    """Huber with 0.1 standard deviations: quadratic within, linear beyond."""
    model, batch = EnergyModel(SETTINGS).eval(), dataset(PAIRS[:1]).labelled
    model.std.fill_(2.0)
    with torch.no_grad():
        predicted = model(batch)
    errors = torch.tensor([0.1, -1.0, 4.0])  # 0.05, -0.5 and 2 standard deviations
    batch = dataclasses.replace(batch, energy=predicted - errors)
    terms = model.losses(batch, torch.Generator())
    assert float(terms["loss"]) == pytest.approx((0.05**2 / 0.2 + 0.45 + 1.95) / 3, rel=1e-4)
    assert float(terms["mae"]) == pytest.approx(5.1 / 3, rel=1e-5)


def spring(data: Dataset, seed: int) -> Dataset:
    """Crystals drawn off the minima of a data set, with energies, forces and virials of springs: 5 eV/Å² on the places, 60 eV per atom
    and strain² on the cell."""
    generator = torch.Generator().manual_seed(seed)
    b = data.batch
    shift = 0.1 * torch.randn(len(b.numbers), 3, generator=generator)
    centre = torch.zeros(len(b.n_atoms), 3).index_add_(0, b.crystal, shift) / b.n_atoms[:, None]
    shift -= centre[b.crystal]
    stretch = 0.05 * torch.randn(len(b.n_atoms), generator=generator)
    lattice = b.lattice * (1 + stretch)[:, None, None]
    strained = b.replace(lattice=lattice)
    frac = b.frac_coords + torch.linalg.solve(lattice.mT[b.crystal], shift)
    squares = torch.zeros(len(b.n_atoms)).index_add_(0, b.crystal, shift.square().sum(1))
    energy = data.formation_energy + 2.5 * squares / b.n_atoms + 30.0 * stretch**2
    of_cell = (60.0 * stretch * (1 + stretch) * b.n_atoms)[:, None, None] * torch.eye(3) / 3
    of_places = torch.zeros(len(b.n_atoms), 3, 3).index_add_(0, b.crystal, 5 * shift[:, :, None] * shift[:, None])
    moved = dataclasses.replace(strained, frac_coords=frac, forces=-5 * shift, virial=of_cell + of_places)
    return Dataset([f"{id}-{seed}" for id in data.ids], moved, energy, energy)


def test_forces_are_learned_with_the_energies(tmp_path: Path) -> None:
    """Of crystals on springs; and relaxed with the model, crystals go back towards their minima."""
    settings = dataclasses.replace(SETTINGS, noise=0.0, strain=0.0, slope_weight=1.0)
    data = dataset(PAIRS[:8])
    train_set = data.at_rest.with_others(spring(data, 0)).with_others(spring(data, 1))
    unseen = spring(data, 99)
    training = dataclasses.replace(FAST, epochs=40, lr=5e-3)
    model = train(EnergyModel, train_set, unseen, settings, training, tmp_path / "s", "cpu", tmp_path / "m.csv")
    energy, forces, virial = model.slopes(unseen.batch)
    assert not energy.requires_grad
    push = (forces - unseen.batch.forces).abs().mean()
    assert push < 0.6 * unseen.batch.forces.abs().mean()
    pull, right = (v.diagonal(dim1=1, dim2=2).sum(1) for v in (virial, unseen.batch.virial))
    assert np.corrcoef(pull, right)[0, 1] > 0.5
    last = (tmp_path / "m.csv").read_text().splitlines()
    logged = dict(zip(last[0].split(","), last[-1].split(","), strict=True))
    assert float(logged["val_force_mae"]) == pytest.approx(float(push), rel=0.05)
    crystals = unpack(unseen.batch)
    found = settled(model, crystals)
    assert np.mean([energy for _, energy in found]) < float(model(unseen.batch).mean())
    for crystal, energy in found:
        assert energy == pytest.approx(float(_energy(model, crystal)), abs=1e-4)
    volume = np.array([[c.volume for c in some] for some in (unpack(data.batch), crystals, [c for c, _ in found])])
    off = np.abs(np.log(volume[1:] / volume[0])).mean(1)
    assert off[1] < 0.8 * off[0]


def test_the_loss_of_forces_by_hand() -> None:
    model = EnergyModel(dataclasses.replace(SETTINGS, noise=0.0, strain=0.0, slope_weight=2.0)).eval()
    batch = dataset(PAIRS[:1]).labelled
    energy, forces, virial = model.slopes(batch)
    n = batch.n_atoms[:, None, None]
    known = dataclasses.replace(batch, energy=energy, forces=forces + 0.3, virial=virial - 0.05 * n)
    terms = model.losses(known, torch.Generator())
    assert float(terms["loss"].detach()) == pytest.approx(2 * (0.25 + 0.05**2 / 0.2), rel=1e-4)
    assert float(terms["force_mae"]) == pytest.approx(0.3, rel=1e-4)
    assert float(terms["virial_mae"]) == pytest.approx(0.05, rel=1e-4)
    terms["loss"].backward()
    assert all(p.grad is not None for p in model.network.interactions.parameters())


def test_without_forces_there_is_nothing_to_learn_them_from() -> None:
    model = EnergyModel(dataclasses.replace(SETTINGS, noise=0.0, strain=0.0, slope_weight=1.0))
    with pytest.raises(ValueError, match="no forces to learn"):
        model.losses(dataset(PAIRS[:1]).labelled, torch.Generator())
    with pytest.raises(ValueError, match="slope_weight: needs noise: 0 and strain: 0"):
        dataclasses.replace(SETTINGS, slope_weight=1.0)


def test_a_model_that_has_learned_no_forces_scales(model: EnergyModel, monkeypatch) -> None:
    monkeypatch.setattr(model, "settings", dataclasses.replace(model.settings, strain=0.0))
    crystals = [KNOWN["NaCl"], KNOWN["ZnO"]]
    batch, energies = model.at_lowest_volumes(pack(crystals))
    for (crystal, energy), expected, lattice in zip(settled(model, crystals), energies, batch.lattice, strict=True):
        assert energy == pytest.approx(float(expected)) and np.allclose(crystal.lattice, lattice, atol=1e-5)
    assert settled(model, []) == []


def test_other_files_and_settings_are_refused(tmp_path: Path) -> None:
    dataset().save(tmp_path / "data.safetensors")
    with pytest.raises(ValueError, match="no energy model: it should be the output of the rule train_energy_model"):
        EnergyModel.load(tmp_path / "data.safetensors")
    with pytest.raises(ValueError, match="encoder.graph: must be radius"):
        EnergyModelSettings(encoder=dataclasses.replace(SMALL.encoder, graph="crystalnn"))


def test_a_bare_gpu_node_can_run_it() -> None:
    """No pymatgen, ASE or spglib is imported for the network and its training."""
    code = "import sys, lcom.search.energy_model, lcom.nets.training; print([m for m in ('pymatgen', 'ase', 'spglib') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
