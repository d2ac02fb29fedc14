"""Which compositions embedded set 2 holds, and the structures they are tried in."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from lcom.crystal import reduced_counts
from lcom.data.generator.chemistry import binds, compositions
from lcom.data.generator.proportions import ANIONS, ELEMENTS, charges, counts, proportion, roles
from lcom.data.generator.prototypes import compositions as first_set
from lcom.data.generator.structure_types import MAX_ATOMS, ROLES, starts, structure_types
from lcom.elements import symbol_to_number

METALLIC = ("AB", "AB2", "AB3", "AB2C")
COUNTS = {
    "A": "A", "AX": "AX", "AB": "AB", "AX2": "AXX", "A2X": "AAX", "AB2": "ABB", "AX3": "AXXX", "A3X": "AAAX", "AB3": "ABBB",
    "A2X3": "AAXXX", "A3X2": "AAAXX", "AX4": "AXXXX", "ABX": "ABX", "ABX2": "ABXX", "AB2C": "ABBC", "ABX3": "ABXXX",
    "A3BX": "AAABX", "ABX4": "ABXXXX", "AB2X4": "ABBXXXX", "A2BX4": "AABXXXX", "A2BX6": "AABXXXXXX", "AB2X2": "ABBXX",
}  # fmt: skip


def test_the_list():
    known = compositions()
    assert len(known) == len(set(known)) >= 3000
    assert [proportion(f) for f in known[: len(ELEMENTS)]] == ["A"] * len(ELEMENTS)
    assert set(first_set()) <= set(known[:240])
    proportions = Counter(map(proportion, known))
    assert len(proportions) >= 12 and min(proportions.values()) >= 30
    assert set(proportions) <= set(structure_types())


def test_elements_are_those_of_chgnet_and_gpaw():
    gpaw_data = pytest.importorskip("gpaw_data")
    from pathlib import Path

    setups = {path.name.split(".")[0] for path in Path(gpaw_data.__file__).parent.rglob("*.PBE.gz")}
    assert len(ELEMENTS) >= 70 and set(ELEMENTS) <= setups
    assert max(map(symbol_to_number, ELEMENTS)) <= 94


@pytest.mark.parametrize("first", [400, 1000, 3000])
def test_every_first_part_is_spread(first):
    part = compositions()[:first]
    used = Counter(symbol for formula in part for symbol in counts(formula))
    assert set(used) == set(ELEMENTS)
    assert min(used.values()) >= first / 120
    metals = [n for symbol, n in used.items() if symbol not in ANIONS]
    assert max(metals) <= 4 * min(metals) + 20
    assert len(Counter(map(proportion, part))) >= 12


def test_compounds_balance_and_metals_bind():
    new = [f for f in compositions()[len(ELEMENTS) :] if f not in first_set()]
    for formula in new[::40]:
        name = proportion(formula)
        if name in METALLIC:
            symbols = list(counts(formula))
            assert any(binds(a, b) for a in symbols for b in symbols if a != b), formula
            continue
        found = charges(formula)
        assert sum(found[symbol] * n for symbol, n in counts(formula).items()) == 0, formula
        assert found[roles(formula)["X"]] < 0, formula


@pytest.mark.parametrize(
    ("formula", "name", "played"),
    [
        ("SrTiO3", "ABX3", "Sr Ti O"),
        ("PbTiO3", "ABX3", "Pb Ti O"),
        ("LaAlO3", "ABX3", "La Al O"),
        ("MgAl2O4", "AB2X4", "Mg Al O"),
        ("K2NiF4", "A2BX4", "K Ni F"),
        ("K2PtCl6", "A2BX6", "K Pt Cl"),
        ("CaWO4", "ABX4", "Ca W O"),
        ("LiZnP", "ABX", "Li Zn P"),
        ("Li2O", "A2X", "Li O"),
        ("Mg3Bi2", "A3X2", "Mg Bi"),
        ("CaAl2Si2", "AB2X2", "Ca Al Si"),
        ("BaFe2As2", "AB2X2", "Ba Fe As"),
        ("TiAl3", "AB3", "Ti Al"),
        ("MgCu2", "AB2", "Mg Cu"),
    ],
)
def test_proportions_and_roles(formula, name, played):
    assert proportion(formula) == name
    assert " ".join(roles(formula)[letter] for letter in "ABX" if letter in roles(formula)) == played


def test_unknown_proportions_are_refused():
    with pytest.raises(ValueError, match="Ca3Al2Si3O12"):
        proportion("Ca3Al2Si3O12")


@pytest.mark.parametrize("name", sorted(structure_types()))
def test_structure_types_have_their_proportions(name):
    expected = reduced_counts(np.array([ROLES.index(letter) + 1 for letter in COUNTS[name]]))
    types = structure_types()[name]
    assert len({kind.label for kind in types}) == len(types) >= 6
    for kind in types:
        template = kind.template()
        assert reduced_counts(template.numbers) == expected, kind.label
        assert len(template) <= MAX_ATOMS, kind.label


def test_starts_touch():
    from ase.data import covalent_radii

    from lcom.data.generator.potential import bond_list

    for formula in ("SrTiO3", "MgAl2O4", "TiAl3"):
        for label, crystal in starts(formula):
            assert crystal.formula == formula, label
            ends, vectors = bond_list(crystal, 6.0)
            ratio = np.linalg.norm(vectors, axis=1) / covalent_radii[crystal.numbers[ends]].sum(0)
            assert ratio.min() > 0.999, label


def test_the_order_begins_with_elements_by_number():
    numbers = [symbol_to_number(symbol) for symbol in ELEMENTS]
    assert all(a < b for a, b in pairwise(numbers))
