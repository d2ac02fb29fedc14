"""The validation compositions: every row against spglib, against measured densities and against what it is for."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from lcom.compounds import load_compounds, parse_formula, space_group_number
from lcom.crystal import reduced_counts
from lcom.physical import unphysical
from lcom.structure_types import PROTOTYPES, Coordinate, parse_parameters

DATA = Path(__file__).parents[1] / "data"
COMPOUNDS = load_compounds(DATA / "validation.csv")
BENCHMARK = load_compounds(DATA / "compounds.csv")
BY_FORMULA = {c.formula: c for c in COMPOUNDS}
PROPORTIONS = "11 12 21 13 31 23 32 111 112 113 124 214 216 126 122 114"  # AX, AX2, … ABX4

# g/cm³, X-ray densities and those of pure crystals from handbooks (CRC Handbook of Chemistry and Physics, mineral data)
DENSITY_TABLE = """
AgCl 5.57 GaAs 5.317 InSb 5.775 AlN 3.26 GaN 6.15 CdSe 5.66 CsI 4.53 TiC 4.93 WC 15.67 PbO 9.35 SnO 6.45 SrF2 4.28
CdF2 6.39 Cu2O 6.11 SnO2 6.99 MgF2 3.18 RuO2 7.05 TiB2 4.52 MgB2 2.63 MoSi2 6.26 MoS2 5.0 Al2O3 3.99 Ga2O3 5.95
La2O3 6.57 Bi2Te3 7.86 BiI3 5.78 LaCl3 3.85 YF3 5.07 Na2S 1.86 K2O 2.35 Be2C 2.44 HgTe 8.1 PbTe 8.16
CuInSe2 5.77 AgGaS2 4.70 CuGaS2 4.36 LiAlO2 2.615 LiGaO2 4.18 KMgF3 3.15 BaZrO3 6.23 KTaO3 7.015 PbTiO3 7.97
LaAlO3 6.52 CaTiO3 4.04 YAlO3 5.35 LiNbO3 4.64 LiTaO3 7.45 MgTiO3 3.89 CaCO3 2.711 MgCO3 3.01 NaNO3 2.26 SrCO3 3.785
BaCO3 4.31 MgAl2O4 3.58 ZnAl2O4 4.62 K2PtCl6 3.50 K2SiF6 2.75 CaWO4 6.12 PbWO4 8.24 ZrSiO4 4.67 YVO4 4.24 BaFCl 4.56
"""
DENSITIES = dict(zip(DENSITY_TABLE.split()[::2], map(float, DENSITY_TABLE.split()[1::2]), strict=True))


def test_enough_of_each_kind():
    kinds = Counter(len(parse_formula(c.formula)) for c in COMPOUNDS)
    assert kinds[2] >= 40 and kinds[3] >= 40 and set(kinds) == {2, 3}
    proportions = Counter("".join(map(str, parse_formula(c.formula).values())) for c in COMPOUNDS)
    assert not set(PROPORTIONS.split()) - set(proportions), proportions
    elements = {z for c in COMPOUNDS for z in c.numbers.tolist()}
    assert len(elements) >= 60
    assert max(Counter(c.prototype for c in COMPOUNDS).values()) <= 12  # no type outweighs the others


def test_none_is_a_benchmark_compound():
    assert not {reduced_counts(c.numbers) for c in COMPOUNDS} & {reduced_counts(c.numbers) for c in BENCHMARK}


def test_every_row_says_where_it_comes_from():
    assert all(len(c.source) > 10 for c in COMPOUNDS)


def test_every_structure_type_is_used():
    assert {c.prototype for c in COMPOUNDS + BENCHMARK} == set(PROTOTYPES)


@pytest.mark.parametrize("compound", COMPOUNDS, ids=lambda c: c.formula)
def test_row(compound):
    """spglib knows nothing of the structure type: it finds the symmetry from the atoms."""
    crystal = compound.crystal()
    assert space_group_number(crystal) == compound.space_group
    assert len(crystal) == compound.n_atoms <= 20
    assert sorted(crystal.numbers) == sorted(compound.numbers)
    assert unphysical(crystal) is None


@pytest.mark.parametrize(("formula", "density"), DENSITIES.items())
def test_density(formula, density):
    structure = BY_FORMULA[formula].conventional().to_structure()
    assert float(structure.density) == pytest.approx(density, rel=0.03)


@pytest.mark.parametrize("name", PROTOTYPES)
def test_orbits_as_ase_makes_them(name):
    """The same representatives through ASE's own tables of space groups give the same sites."""
    from ase.spacegroup import Spacegroup

    prototype = PROTOTYPES[name]
    two_origins = {129, 141, 224, 227, 88}  # ASE's second setting is the one with the origin at the centre
    group = Spacegroup(prototype.space_group, setting=2 if prototype.space_group in two_origins else 1)
    cell = [5, 6, 7.0, 90, 110, 90] if prototype.space_group <= 15 else [5, 5, 7, *prototype.angles]
    free = {key: 0.375 if value is None else value for key, value in prototype.free.items()}
    built = prototype.build([10 + k for k in range(len(prototype.proportions))], cell, free)
    ours, theirs = [], []
    for k, coordinates in prototype.sites:
        sites, _ = group.equivalent_sites([[coordinate(free) for coordinate in coordinates]], symprec=1e-4)
        theirs += [(10 + k, *site) for site in sites]
    ours = np.column_stack([built.numbers, built.frac_coords])
    theirs = np.array(theirs)
    assert len(ours) == len(theirs)
    apart = ours[:, None] - theirs[None]
    apart[..., 1:] -= np.round(apart[..., 1:])
    assert (np.abs(apart).max(-1) < 1e-4).any(1).all()


def test_coordination():
    """What a swapped site would change although composition and symmetry stay: the nearest neighbours of an element."""
    for formula, centre, neighbours in [
        ("LiZnP", "Li", {"P": 4}),  # filled zincblende: phosphorus around lithium, not zinc
        ("TiNiSn", "Ni", {"Ti": 4, "Sn": 4}),
        ("MgAl2O4", "Mg", {"O": 4}),
        ("MgAl2O4", "Al", {"O": 6}),
        ("BaLiF3", "Li", {"F": 6}),
        ("PbOCa3", "O", {"Ca": 6}),
        ("CuAlO2", "Cu", {"O": 2}),
        ("NaInO2", "In", {"O": 6}),
        ("CaWO4", "W", {"O": 4}),
        ("ZrSiO4", "Si", {"O": 4}),
        ("CaCO3", "C", {"O": 3}),
        ("BaFCl", "F", {"Ba": 4}),
        ("K2PtCl6", "Pt", {"Cl": 6}),
        ("Na2S", "Na", {"S": 4}),
        ("MgTa2O6", "Ta", {"O": 6}),
        ("CuInS2", "Cu", {"S": 4}),
        ("Li2ZrF6", "Zr", {"F": 6}),
        ("ZrSiS", "Si", {"Si": 4}),  # the square net is of silicon
    ]:
        structure = BY_FORMULA[formula].conventional().to_structure()
        site = next(site for site in structure if site.specie.symbol == centre)
        near = structure.get_neighbors(site, 4.0)
        shortest = min(n.nn_distance for n in near)
        assert Counter(n.specie.symbol for n in near if n.nn_distance < 1.08 * shortest) == neighbours, formula


def test_coordinates():
    free = {"x": 0.1, "z2": 0.3}
    for text, value in {"0": 0, "1/4": 0.25, "x": 0.1, "-x": -0.1, "2x": 0.2, "x+1/2": 0.6, "1/2-z2": 0.2}.items():
        assert Coordinate.parse(text)(free) == pytest.approx(value)
    for wrong in ("q", "x y", "1/", "x*2", "+"):
        with pytest.raises(ValueError, match="is not a coordinate"):
            Coordinate.parse(wrong)


def test_parameters():
    assert parse_parameters("x=0.3 z2=-.1") == {"x": 0.3, "z2": -0.1}
    for wrong in ("x", "x=", "x=a", "x=1 x=2", "x=nan", "x=inf"):
        with pytest.raises(ValueError, match="is not a parameter and its value"):
            parse_parameters(wrong)
