"""What is one structure, and the hull."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ase.io import read

from lcom.crystal import Crystal
from lcom.data.table import from_arrow, row, to_arrow
from lcom.prediction import rank
from lcom.prediction.hull import competing, hull_energy
from lcom.prediction.rank import distinct, refine, refined, same
from lcom.structure_types import PROTOTYPES
from tests.crystals import KNOWN, random_crystals
from tests.report.test_judge import transformed

GETE = Path(__file__).parents[3] / "shared" / "cases" / "gete_three.extxyz"


def items(*pairs: tuple[Crystal, float]) -> list:
    return list(refined(SimpleNamespace(crystal=crystal, energy=energy) for crystal, energy in pairs))


def energies(pairs: list) -> list[float]:
    return [item.energy for item, _ in pairs]


def test_spglib_is_silent(capfd: pytest.CaptureFixture) -> None:
    """It wrote of this crystal "ssm_get_exact_positions failed" beside the JSON of a prediction, and found its symmetry all the same."""
    frac = np.array(
        [
            [0.593298, 0.222618, 0.216682],
            [0.406702, 0.777382, 0.783318],
            [0.996572, 0.704424, 0.306114],
            [0.003428, 0.295576, 0.693886],
        ]
    )
    lattice = np.array([[3.376226, 0, 0], [0.466905, 5.534751, 0], [0.458072, 0.5185, 5.538601]])
    assert refine(Crystal(np.array([68, 68, 49, 49]), frac, lattice)).space_group > 1
    assert capfd.readouterr().err == ""


def test_the_lowest_of_each_structure_is_kept_in_order() -> None:
    rocksalt = PROTOTYPES["rocksalt"].build([11, 17], [5.6] * 3 + [90] * 3)
    other = PROTOTYPES["cesium_chloride"].build([11, 17], [3.4] * 3 + [90] * 3)
    found = items(
        (transformed(rocksalt, 1, (2, 1, 1)), 0.3),
        (other, 0.2),
        (transformed(rocksalt, 2, (1, 1, 1)), 0.1),
        (transformed(other, 3, (1, 2, 1)), 0.15),
    )
    assert energies(distinct(found, 5)) == [0.1, 0.15]
    assert energies(distinct(found, 1)) == [0.1]
    assert distinct([], 3) == []


def test_a_shape_that_costs_nothing_is_no_other_structure() -> None:
    rocksalt = PROTOTYPES["rocksalt"].build([11, 17], [5.6] * 3 + [90] * 3).canonical()
    sheared = Crystal(rocksalt.numbers, rocksalt.frac_coords, rocksalt.lattice @ np.diag([1.03, 0.98, 1.0]))
    assert refine(sheared).space_group != refine(rocksalt).space_group
    assert energies(distinct(items((rocksalt, 0.0), (sheared, 0.002)), 6)) == [0.0]
    assert energies(distinct(items((rocksalt, 0.0), (sheared, 0.01)), 6)) == [0.0, 0.01]
    other = PROTOTYPES["cesium_chloride"].build([11, 17], [3.4] * 3 + [90] * 3)
    assert energies(distinct(items((rocksalt, 0.0), (other, 0.001)), 6)) == [0.0, 0.001]


def test_the_order_is_by_energy_and_freedom_and_no_crystal_is_refined_before_it_is_needed(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    crystals = [KNOWN[name] for name in ("NaCl", "ZnO", "C", "Si", "CdS")] + random_crystals(3, 4)
    found = [SimpleNamespace(crystal=crystal, energy=energy) for crystal in crystals for energy in rng.random(4)]
    seen: list[Crystal] = []
    monkeypatch.setattr(rank, "refine", lambda crystal: seen.append(crystal) or refine(crystal))
    for handicap in (0.0, 0.1, 0.5):
        order = sorted(found, key=lambda one: one.energy + handicap * np.log(1 + refine(one.crystal).free))
        seen.clear()
        ranked = refined(found, handicap)
        first, _ = next(ranked)
        assert first is order[0] and len(seen) == sum(
            one.energy + handicap * np.log(2) <= first.energy + handicap * np.log(1 + refine(first.crystal).free)
            for one in found
        )
        assert [one for one, _ in ranked] == order[1:]


@pytest.mark.skipif(not GETE.is_file(), reason="needs the three distortions of GeTe")
def test_a_polar_distortion_is_no_duplicate_of_its_cubic_parent() -> None:
    three = [Crystal.from_atoms(atoms) for atoms in read(GETE, index=":")]
    assert energies(distinct(items(*zip(three, [0.0, 0.1, 0.2], strict=True)), 6)) == [0.0, 0.1, 0.2]


@pytest.mark.parametrize("height", [0.50, 0.51, 0.52, 0.535])
def test_distortions_of_rocksalt_along_its_diagonal_are_kept_apart_but_not_from_their_copies(height: float) -> None:
    def rhombohedral(u: float, stretch: float) -> Crystal:
        a, c = 4.2 / stretch**0.5, 6**0.5 * 4.2 * stretch
        lattice = np.array([[a / 3**0.5, 0, c / 3], [-a / 12**0.5, a / 2, c / 3], [-a / 12**0.5, -a / 2, c / 3]])
        return Crystal([32, 52], [[0, 0, 0], [u, u, u]], lattice)

    one = rhombohedral(height, 1 + 2 * (height - 0.5))
    assert same(refine(one), refine(transformed(one, 5, (1, 2, 1))))
    other = rhombohedral(height + 0.03, 1 + 2 * (height - 0.47))
    assert not same(refine(one), refine(other))


def test_density_makes_no_other_structure() -> None:
    nacl = KNOWN["NaCl"]
    assert same(refine(nacl), refine(Crystal(nacl.numbers, nacl.frac_coords, 1.05 * nacl.lattice)))
    assert not same(refine(KNOWN["ZnO"]), refine(PROTOTYPES["zincblende"].build([30, 8], [4.6] * 3 + [90] * 3)))


def test_a_refined_crystal_has_exactly_the_symmetry_that_it_nearly_had() -> None:
    rng = np.random.default_rng(0)
    nacl = KNOWN["NaCl"]
    shaken = Crystal(nacl.numbers, nacl.frac_coords + 0.003 * rng.normal(size=(len(nacl), 3)), nacl.lattice)
    found = refine(shaken)
    assert (found.space_group, found.symbol) == (225, "Fm-3m")
    assert refine(found.crystal).space_group == 225


# ---- the hull

A, B, AB, A2B, AB3 = [11], [17], [11, 17], [11, 11, 17], [11, 17, 17, 17]


def test_the_hull_is_that_of_the_lowest_mixture() -> None:
    phases, levels = [A, B, AB], [0.0, 0.0, -1.0]
    assert hull_energy(AB, phases, levels) == pytest.approx(-1.0)
    assert hull_energy(A2B, phases, levels) == pytest.approx(-2 / 3)  # A + AB
    assert hull_energy(AB3, phases, levels) == pytest.approx(-0.5)
    assert hull_energy([11, 11, 17, 17], phases, levels) == pytest.approx(-1.0)
    assert hull_energy(AB, [A, B], [-1.0, -3.0]) == pytest.approx(-2.0)


def test_no_hull_where_the_composition_cannot_be_made() -> None:
    assert hull_energy(AB, [A], [0.0]) is None
    assert hull_energy(AB, [], []) is None
    assert hull_energy(AB, [AB], [-1.0]) == pytest.approx(-1.0)
    assert hull_energy(A, [AB, B], [-1.0, 0.0]) is None


def test_the_hull_is_pymatgens() -> None:
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
    from pymatgen.core import Composition

    rng = np.random.default_rng(1)
    elements = [3, 8, 22, 56]
    phases = [[z] for z in elements] + [rng.choice(elements, rng.integers(2, 7)).tolist() for _ in range(40)]
    levels = [0.0] * 4 + (-rng.random(40)).tolist()

    def composition(phase: list[int]) -> Composition:
        return Composition({z: phase.count(z) for z in set(phase)})

    entries = [PDEntry(composition(p), e * len(p)) for p, e in zip(phases, levels, strict=True)]
    diagram = PhaseDiagram(entries)
    for phase in phases[4:20]:
        assert hull_energy(phase, phases, levels) == pytest.approx(
            diagram.get_hull_energy_per_atom(composition(phase)), abs=1e-7
        )


def test_only_crystals_of_these_elements_compete_the_lowest_of_each_composition() -> None:
    def entry(name: str, symbols: list[int], energy: float, level: str = "PBE") -> dict:
        n = len(symbols)
        crystal = Crystal(symbols, np.arange(3 * n).reshape(n, 3) / (3 * n), 3 * np.eye(3))
        return row(name, crystal, energy, "test", level)

    table = from_arrow(to_arrow([
        entry("a", A, 0.0), entry("high", AB, -0.5), entry("low", AB, -1.0), entry("b", B, 0.0), entry("other", [11, 9], -3.0),
        entry("elsewhere", AB, -2.0, "SCAN"),
    ]))  # fmt: skip
    assert table.ids[competing(table, [17, 11])].tolist() == ["a", "b", "elsewhere"]
    assert table.ids[competing(table, [17, 11], level="PBE")].tolist() == ["a", "low", "b"], (
        "energies of two levels do not compare"
    )
    assert table.ids[competing(table, [11, 17], each=2, level="PBE")].tolist() == ["a", "high", "low", "b"]
    assert table.ids[competing(table, [11, 94])].tolist() == ["a"]
