"""CrystalNN bonds: known coordination, both directions, the same latent for the same crystal, and a cache that resumes."""

import dataclasses
import sqlite3

import numpy as np
import pytest
import torch

import lcom.data.crystalnn
from lcom.batch import pack, select
from lcom.cdvae.model import CDVAE
from lcom.crystal import Crystal
from lcom.data.crystalnn import attach_bonds, crystalnn_bonds
from lcom.nets.graph import bond_graph
from tests.crystals import KNOWN, random_crystals, rotation, supercell
from tests.tiny import SMALL

BONDED = dataclasses.replace(
    SMALL, encoder=dataclasses.replace(SMALL.encoder, graph="crystalnn"), encoder_noise=0.0, encoder_strain=0.0
)


@pytest.mark.parametrize(("formula", "bonds"), [("NaCl", 6), ("CsCl", 8), ("ZnS", 4), ("Si", 4), ("ZnO", 4), ("C", 3)])
def test_known_coordination_at_known_distance(formula: str, bonds: int) -> None:
    crystal = KNOWN[formula]
    batch = attach_bonds(pack([crystal]))
    graph = bond_graph(batch, 7.0)
    assert (graph.weight.sum(1) == bonds).all()
    shortest = min(n.nn_distance for n in crystal.to_structure().get_neighbors(crystal.to_structure()[0], 6.0))
    np.testing.assert_allclose(graph.distance[graph.weight > 0], shortest, rtol=0.03)


def test_every_bond_has_its_reverse() -> None:
    for crystal in [*random_crystals(4, 5), KNOWN["CdS"]]:
        bonds = {tuple(row) for row in crystalnn_bonds(crystal).tolist()}
        assert {(j, i, -a, -b, -c) for i, j, a, b, c in bonds} == bonds
        assert {row[0] for row in bonds} == set(range(len(crystal)))
        graph = bond_graph(attach_bonds(pack([crystal])), 50.0)
        torch.testing.assert_close(graph.paired, graph.weight)


def test_latent_is_that_of_the_crystal_not_of_its_description() -> None:
    torch.manual_seed(0)
    model = CDVAE(BONDED).eval()
    for crystal in [KNOWN["CdS"], KNOWN["CsCl"]]:
        order = np.random.default_rng(0).permutation(len(crystal))
        shifted = (crystal.frac_coords[order] + [0.3, 0.8, 0.1]) % 1
        turned = Crystal(crystal.numbers[order], shifted, crystal.lattice @ rotation())
        doubled = supercell(crystal, np.array([[1, 1, 0], [0, 1, 0], [0, 0, 2]]))
        with torch.no_grad():
            z, other, larger = (model.encode(pack([c]))[0] for c in (crystal, turned, doubled))
        torch.testing.assert_close(other, z, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(larger, z, atol=1e-4, rtol=1e-3)


def test_an_atom_a_hair_below_the_cell_is_one_on_its_face() -> None:
    """float32 rounds 1 - 1e-16 to 1: its images are counted from there, and were from 0."""
    torch.manual_seed(0)
    model = CDVAE(BONDED).eval()
    for crystal in [KNOWN["NaCl"], KNOWN["CdS"]]:
        below = Crystal(crystal.numbers, crystal.frac_coords - [1e-16, 0, 3e-9], crystal.lattice)
        assert pack([below]).frac_coords.max() == 1
        one, other = (bond_graph(attach_bonds(pack([c])), 7.0) for c in (crystal, below))
        torch.testing.assert_close(other.distance.sort(1)[0], one.distance.sort(1)[0], atol=1e-4, rtol=1e-4)
        with torch.no_grad():
            one, other = (model.encode(pack([c]))[0] for c in (crystal, below))
        torch.testing.assert_close(other, one, atol=1e-4, rtol=1e-3)


def test_bonds_go_with_their_crystals() -> None:
    crystals = [KNOWN["NaCl"], KNOWN["CdS"], KNOWN["Si"]]
    batch = attach_bonds(pack(crystals))
    chosen = select(batch, torch.tensor([2, 0])).repeat(2)
    alone = attach_bonds(pack([crystals[2], crystals[0], crystals[2], crystals[0]]))
    k = alone.bonds.shape[1]
    assert torch.equal(chosen.bonds[:, :k], alone.bonds) and (chosen.bonds[:, k:, 0] == -1).all()
    assert batch.replace(frac_coords=batch.frac_coords + 0.5).bonds is None


def test_the_cache_goes_on_after_a_kill_and_searches_nothing_twice(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    crystals = random_crystals(6, 3)
    searched: list[Crystal] = []
    original = crystalnn_bonds

    def counted(crystal: Crystal) -> np.ndarray:
        if len(searched) == 4:
            raise KeyboardInterrupt
        searched.append(crystal)
        return original(crystal)

    monkeypatch.setattr(lcom.data.crystalnn, "crystalnn_bonds", counted)
    monkeypatch.setattr(lcom.data.crystalnn, "CHUNK", 2)
    file = tmp_path / "bonds.sqlite"
    with pytest.raises(KeyboardInterrupt):
        attach_bonds(pack(crystals), file)
    searched.clear()
    resumed = attach_bonds(pack(crystals), file)
    assert len(searched) == 2  # two chunks of two were safe
    monkeypatch.setattr(lcom.data.crystalnn, "crystalnn_bonds", original)
    assert torch.equal(resumed.bonds, attach_bonds(pack(crystals)).bonds)


def test_several_processes_find_what_one_does(tmp_path) -> None:
    batch = pack(random_crystals(lcom.data.crystalnn.CHUNK + 3, 2))
    assert torch.equal(attach_bonds(batch, tmp_path / "b.sqlite", workers=2).bonds, attach_bonds(batch).bonds)


def test_a_damaged_cache_is_named(tmp_path) -> None:
    file = tmp_path / "bonds.sqlite"
    attach_bonds(pack([KNOWN["NaCl"]]), file)
    with sqlite3.connect(file) as database:
        assert database.execute("select count(*) from bonds").fetchone() == (1,)
    file.write_bytes(b"not a database, not a database, not a database")
    with pytest.raises(ValueError, match="bonds.sqlite.*remove it"):
        attach_bonds(pack([KNOWN["NaCl"]]), file)


def test_an_odd_cell_still_has_a_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoded crystal may be too strange for Voronoi cells: its atoms get their nearest shell."""

    def fails(*_: object) -> None:
        raise ValueError("No Voronoi neighbors found for site")

    monkeypatch.setattr(lcom.data.crystalnn._crystalnn().__class__, "get_all_nn_info", fails)
    assert len(crystalnn_bonds(KNOWN["NaCl"])) == 12


def test_perturbed_crystals_have_no_bonds() -> None:
    with pytest.raises(ValueError, match="encoder_noise"):
        dataclasses.replace(BONDED, encoder_noise=0.05)
