"""The element table: made again from pymatgen and ASE, and its features."""

import csv
import math
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcom import elements

ALLEN = {2: 4.160, 10: 4.787, 18: 3.242}  # noble gases without a Pauling value
ABOVE = {85: 53, 87: 55}  # molar volumes of At, Fr from I, Cs
NUMBERS = st.lists(st.integers(1, elements.MAX_Z), min_size=1, max_size=12)


def make_row(z: int) -> list[str]:
    """One row of elements.csv from pymatgen and ASE, with the fill rules that lcom/elements.py describes."""
    from ase.data import covalent_radii
    from pymatgen.core import Element

    element = Element.from_Z(z)
    covalent = float(covalent_radii[z])
    radius = element.atomic_radius or element.atomic_radius_calculated or covalent
    ionic = [element.ionic_radii[q] for q in element.common_oxidation_states if q in element.ionic_radii]
    shells = re.findall(r"\d([spdf])(\d+)", element.electronic_structure)
    values = [
        element.row,
        element.group,
        ALLEN.get(z) or element.X,
        covalent,
        float(radius),
        float(ionic[0]) if ionic else float(element.average_ionic_radius) or covalent,
        float(element.ionization_energy),
        float(element.electron_affinity),
        math.log(float(element.atomic_mass)),
        *(sum(int(n) for shell, n in shells if shell == letter) for letter in "spdf"),
        float(element.melting_point),
        float(Element.from_Z(ABOVE.get(z, z)).molar_volume),
    ]
    return [str(z), element.symbol, *(f"{value:.6g}" for value in values)]


def make_table() -> list[list[str]]:
    """All rows of elements.csv with the header. Write them with csv.writer(file, lineterminator="\\n")."""
    header = "z symbol period group electronegativity covalent_radius atomic_radius ionic_radius ionisation_energy"
    header += " electron_affinity log_mass valence_s valence_p valence_d valence_f melting_point molar_volume"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns for each missing value
        return [header.split(), *(make_row(z) for z in range(1, 95))]


def test_table_made_again_is_the_same():
    with elements.TABLE.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == make_table()


def test_known_values():
    assert elements.SYMBOLS[1] == "H" and elements.SYMBOLS[11] == "Na" and elements.SYMBOLS[94] == "Pu"
    assert elements.electronegativity(9) == pytest.approx(3.98)
    np.testing.assert_allclose(elements.covalent_radius(np.array([[6, 14], [11, 17]])), [[0.76, 1.11], [1.66, 1.02]])
    row = dict(zip(elements.FEATURES, elements._VALUES[17], strict=True))
    assert (row["period"], row["group"], row["valence_s"], row["valence_p"]) == (3, 17, 2, 5)
    assert row["ionic_radius"] == pytest.approx(1.67)  # Cl(-1), Shannon crystal radius


def test_features_are_complete_and_standardised():
    features = elements.element_features()
    assert features.shape == (95, 15) and np.isfinite(features).all()
    assert not features[0].any()
    np.testing.assert_allclose(features[1:].mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(features[1:].std(0), 1, atol=1e-12)
    assert len(np.unique(features, axis=0)) == 95  # no two elements look alike
    with pytest.raises(ValueError):
        features[1, 0] = 1.0


@pytest.mark.parametrize("symbol", ["", "Xx", "na", "NA", "Am", "Na ", None])
def test_unknown_symbol(symbol):
    with pytest.raises(ValueError, match="unknown element"):
        elements.symbol_to_number(symbol)


def test_symbols_round_trip():
    assert [elements.symbol_to_number(s) for s in elements.SYMBOLS[1:]] == list(range(1, 95))


@pytest.mark.parametrize("z", [0, -1, 95, [1, 200], []])
def test_bad_numbers(z):
    for function in (elements.electronegativity, elements.covalent_radius, elements.composition_features):
        with pytest.raises(ValueError, match="atomic numbers must lie in 1-94"):
            function(np.array(z, dtype=int))


@given(NUMBERS, st.integers(1, 4), st.randoms())
def test_composition_is_the_same_for_supercells_and_orders(numbers, copies, random):
    shuffled = numbers * copies
    random.shuffle(shuffled)
    expected = elements.composition_features(np.array(numbers))
    assert expected.shape == (2 * len(elements.FEATURES),)
    np.testing.assert_allclose(elements.composition_features(np.array(shuffled)), expected, atol=1e-9)


def test_one_element_has_no_spread():
    features = elements.composition_features(np.array([14, 14]))
    np.testing.assert_allclose(features[:15], elements.element_features()[14])
    np.testing.assert_allclose(features[15:], 0, atol=1e-12)


def test_imports_numpy_only():
    code = (
        "import sys, lcom.elements; "
        "heavy = {'torch', 'pymatgen', 'ase', 'pandas', 'scipy', 'spglib'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
