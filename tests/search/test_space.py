"""The search space of RAS, PSO and BO: symmetry against PyXtal and spglib, filters against brute force, known structures."""

from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import combinations_with_replacement, pairwise, product

import numpy as np
import pytest
import spglib
from ase import Atoms
from ase.neighborlist import neighbor_list
from pymatgen.analysis.structure_matcher import StructureMatcher
from pyxtal.symmetry import Group

from lcom.base.settings import parse_settings
from lcom.compounds import load_compounds
from lcom.crystal import Crystal, lattice_from_parameters, lattice_parameters
from lcom.elements import covalent_radius
from lcom.search import space as search_space
from lcom.search import wyckoff
from lcom.search.settings import SpaceSettings
from lcom.search.space import Candidates, SearchSpace, minkowski_reduce, widest_gap
from lcom.search.wyckoff import PRIMITIVE, combinations, space_groups

PUBLISHED = SpaceSettings(min_distance=0.4, max_volume=2.4)
NACL, ZNO, MGF2 = [11, 17], [30, 30, 8, 8], [12, 12, 9, 9, 9, 9]
BELOW_ONE = np.nextafter(1, 0)
COMPOUNDS = load_compounds("data/compounds.csv")


@cache
def pyxtal_group(number: int) -> Group:
    return Group(number)


def every_group(numbers: list[int], each: int, seed: int = 0) -> tuple[SearchSpace, np.ndarray]:
    """A search space and random points of it, `each` of them in each of its space groups."""
    space = SearchSpace(numbers, PUBLISHED)
    groups = len(space._combinations.groups)
    x = np.random.default_rng(seed).random((groups * each, space.dimension))
    x[:, 0] = (np.arange(groups).repeat(each) + 0.5) / groups
    return space, x


def conventional(candidates: Candidates, k: int) -> np.ndarray:
    centring = pyxtal_group(candidates.space_group[k]).symbol[0]
    return np.linalg.inv(PRIMITIVE[centring]) @ candidates.lattice[k]


def affine(operations: list) -> np.ndarray:
    return np.array([operation.affine_matrix[:3] for operation in operations])  # [k, 3, 4]


def shear(rng: np.random.Generator, times: int) -> np.ndarray:
    """A random whole-number matrix of determinant 1."""
    matrix = np.eye(3)
    for _ in range(times):
        i, j = rng.permutation(3)[:2]
        matrix[i] += rng.integers(-2, 3) * matrix[j]
    return matrix


def closest_ratio(frac_coords: np.ndarray, lattice: np.ndarray, numbers: list[int], reach: float) -> float:
    """Smallest distance over the sum of covalent radii by brute force, among distances of up to `reach` Å."""
    spacing = 1 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
    images = np.array(list(product(*(range(-n, n + 1) for n in np.ceil(reach / spacing + 1).astype(int)))))
    radii, smallest = covalent_radius(numbers), np.inf
    for i, j in product(range(len(numbers)), repeat=2):
        distance = np.linalg.norm((frac_coords[i] - frac_coords[j] + images) @ lattice, axis=1)
        if i == j:
            distance = distance[(images != 0).any(1)]
        smallest = min(smallest, distance.min() / (radii[i] + radii[j]))
    return smallest


# ---- symmetry


@pytest.mark.parametrize("numbers", [NACL, ZNO, MGF2])
def test_the_operations_of_the_group_map_the_crystal_onto_itself(numbers) -> None:
    space, x = every_group(numbers, 2)
    built = space.build(x)
    for k, number in enumerate(built.space_group):
        group, cell = pyxtal_group(number), conventional(built, k)
        ops = affine(group[0].ops)
        metric = cell @ cell.T
        turned = ops[:, :, :3].swapaxes(1, 2) @ metric @ ops[:, :, :3]
        assert np.allclose(turned, metric, atol=1e-8 * metric.max()), number
        primitive = PRIMITIVE[group.symbol[0]]
        frac = built.frac_coords[k] @ primitive
        image = np.einsum("kab,nb->kna", ops[:, :, :3], frac) + ops[:, None, :, 3]  # [k, n, 3]
        apart = image @ np.linalg.inv(primitive) - built.frac_coords[k][:, None, None]
        apart = np.abs(apart - np.rint(apart)).max(-1)  # [n, k, n] fractional, of atom i from the image of atom j
        apart += np.not_equal.outer(numbers, numbers)[:, None]
        assert apart.min(0).max() < 1e-9, f"space group {number}"
        assert (np.sort(apart.argmin(0), -1) == np.arange(len(numbers))).all(), f"space group {number}"


@pytest.mark.parametrize("numbers", [NACL, ZNO, MGF2])
def test_spglib_finds_at_least_the_symmetry_asked_for(numbers) -> None:
    space, x = every_group(numbers, 1, seed=1)
    built = space.build(x)
    checked = 0
    for k in np.flatnonzero(built.valid):
        found = spglib.get_symmetry_dataset((built.lattice[k], built.frac_coords[k], numbers), symprec=1e-4)
        group = pyxtal_group(built.space_group[k])
        order = len(group[0].ops) * round(np.linalg.det(PRIMITIVE[group.symbol[0]]) * 12) // 12
        assert len(found.rotations) % order == 0, (group.number, found.number)
        checked += 1
    assert checked > 20


@pytest.mark.parametrize("numbers", [NACL, MGF2])
def test_same_distances_as_in_pyxtals_conventional_cell(numbers) -> None:
    space, x = every_group(numbers, 1, seed=2)
    built = space.build(x)
    for k in np.flatnonzero(built.valid):
        group, letters = pyxtal_group(built.space_group[k]), built.wyckoff[k]
        copies = round(1 / np.linalg.det(PRIMITIVE[group.symbol[0]]))
        kinds, frac, site, atom = [], [], 0, 0
        while atom < len(numbers):
            position = next(p for p in group if p.letter == letters[atom])
            own = len(position.ops) // copies
            assert len({*letters[atom : atom + own]}) == len({*numbers[atom : atom + own]}) == 1
            ops = affine(position.ops)
            frac += list(ops[..., :3] @ x[k, 8 + 3 * site : 11 + 3 * site] + ops[..., 3])
            kinds += [numbers[atom]] * len(ops)
            atom, site = atom + own, site + 1
        assert Counter(kinds) == {z: copies * count for z, count in Counter(numbers).items()}
        large = Atoms(kinds, scaled_positions=frac, cell=conventional(built, k), pbc=True)
        small = Atoms(numbers, scaled_positions=built.frac_coords[k], cell=built.lattice[k], pbc=True)
        for pair in (("Na", "Cl"), ("Na", "Na")) if numbers is NACL else (("Mg", "F"), ("F", "F")):
            far, near = (np.sort(neighbor_list("d", cell, {pair: 4.5})) for cell in (large, small))
            assert len(far) == copies * len(near), group.number
            assert np.allclose(far, near.repeat(copies), atol=1e-8), group.number


def test_every_position_has_its_share_of_the_conventional_multiplicity() -> None:
    assert list(space_groups()) == list(range(2, 231))
    for number, (primitive, positions) in space_groups().items():
        group = pyxtal_group(number)
        copies = round(1 / np.linalg.det(primitive))
        assert sorted((p.letter, len(p.ops) * copies) for p in positions) == sorted(
            (p.letter, p.multiplicity) for p in group
        )
        for position in positions:
            assert position.freedom == np.linalg.matrix_rank(position.ops[0, :, :3])
        # the primitive vectors are translations of the group, and it has no others
        pure = [op for op in affine(group[0].ops) if (op[:, :3] == np.eye(3)).all()]
        assert len(pure) == copies
        for op in pure:
            whole = op[:, 3] @ np.linalg.inv(primitive)
            assert np.allclose(whole, np.rint(whole)), number


# ---- combinations


def listed(counts: tuple[int, ...]) -> dict[int, list[tuple[str, ...]]]:
    """The letters of the sites of each element, by group, as `combinations` has them."""
    c, edges = combinations(counts), np.cumsum([0, *counts])
    result: dict[int, list[tuple[str, ...]]] = {}
    for k, number in enumerate(c.groups.tolist()):
        for row in range(c.start[k], c.start[k + 1]):
            sites = {int(c.site[row, atom]): (atom, str(c.letter[c.op[row, atom]])) for atom in range(sum(counts))}
            words = [
                "".join(sorted(letter for atom, letter in sites.values() if low <= atom < high))
                for low, high in pairwise(edges)
            ]
            result.setdefault(number, []).append(tuple(words))
    return result


def brute_force(number: int, counts: tuple[int, ...]) -> set[tuple[str, ...]]:
    group = pyxtal_group(number)
    copies = {"P": 1, "R": 3, "F": 4}.get(group.symbol[0], 2)
    fixed = {p.letter for p in group if p.get_dof() == 0}
    sizes = {p.letter: p.multiplicity // copies for p in group}
    words = [
        [
            "".join(sorted(word))
            for length in range(1, count + 1)
            for word in combinations_with_replacement([letter for letter in sizes if sizes[letter] <= count], length)
            if sum(sizes[letter] for letter in word) == count
        ]
        for count in counts
    ]
    found = set(product(*words))
    return {choice for choice in found if all("".join(choice).count(letter) < 2 for letter in fixed)}


@pytest.mark.parametrize("counts", [(1,), (2,), (1, 1), (1, 2), (3,), (2, 2), (1, 1, 1)])
def test_all_combinations_of_all_groups(counts) -> None:
    found = listed(counts)
    for number in range(2, 231):
        choices = found.get(number, [])
        assert len(choices) == len(set(choices)), number
        assert set(choices) == brute_force(number, counts), number


def test_combinations_counted_by_hand() -> None:
    pairs = listed((1, 1))
    assert pairs[225] == [("a", "b"), ("b", "a")]
    assert pairs[221] == [("a", "b"), ("b", "a")]
    assert len(pairs[216]) == 12  # two of a, b, c, d in order
    assert len(pairs[2]) == 56  # two of eight centres of inversion in order
    assert len(pairs[6]) == 4  # a and b lie on mirror planes and hold any number
    assert 227 not in pairs and 194 not in pairs  # the smallest positions have two points
    assert listed((2,))[227] == [("a",), ("b",)]
    assert len(listed((2,))[2]) == 29  # two of eight, or a general pair
    assert max(len(choices) for choices in listed((2, 2)).values()) == 1236


@pytest.mark.parametrize("counts", [(1, 2), (4, 8)])
def test_the_most_symmetric_come_first(counts) -> None:
    c, freedom = combinations(counts), {}
    assert np.diff(c.start).min() > 0 and np.diff(c.start).max() <= wyckoff.CAP
    for number, (_, positions) in space_groups().items():
        freedom |= {(number, position.letter): position.freedom for position in positions}
    for k in range(0, len(c.groups), 7):
        rows = slice(c.start[k], c.start[k + 1])
        total = [
            sum(freedom[c.groups[k], letter] for letter in letters[np.unique(site, return_index=True)[1]])
            for letters, site in zip(c.letter[c.op[rows]], c.site[rows], strict=True)
        ]
        assert total == sorted(total)


def test_the_cap_keeps_the_first(monkeypatch) -> None:
    full = combinations((1, 2))
    monkeypatch.setattr(wyckoff, "CAP", 5)
    capped = combinations.__wrapped__((1, 2))
    assert (capped.groups == full.groups).all()
    assert (np.diff(capped.start) == np.minimum(np.diff(full.start), 5)).all()
    for k in range(len(full.groups)):
        count = min(5, full.start[k + 1] - full.start[k])
        for name in ("op", "site"):
            first = getattr(capped, name)[capped.start[k] : capped.start[k] + count]
            assert (first == getattr(full, name)[full.start[k] : full.start[k] + count]).all()


# ---- known structures

SITES = {  # space group, letter of each atom; free coordinates are added where the structure has any
    "rocksalt": (225, "ab"),
    "cesium_chloride": (221, "ab"),
    "zincblende": (216, "ac"),
    "diamond": (227, "aa"),
    "wurtzite": (186, "bbbb"),
    "graphite": (194, "bbcc"),
}


def express(space: SearchSpace, number: int, letters: str, cell: np.ndarray, free: list) -> np.ndarray:
    """The x of a structure: conventional lengths `cell` [3] Å, free coordinates [sites, 3]; angles are fixed."""
    c = space._combinations
    k = c.groups.tolist().index(number)
    x = np.full(space.dimension, 0.5)
    x[0] = (k + 0.5) / len(c.groups)
    count = c.start[k + 1] - c.start[k]
    x[8 : 8 + 3 * len(free)] = np.ravel(free)
    choices = np.tile(x, (count, 1))
    choices[:, 1] = (np.arange(count) + 0.5) / count
    (row,) = np.flatnonzero((space.build(choices).wyckoff == list(letters)).all(1))
    x = choices[row]
    x[3:5] = (np.log(np.divide(cell[1:], cell[0])) / np.log(4) + 1) / 2
    ends = np.tile(x, (2, 1))
    ends[:, 2] = 0, 1
    smallest, largest = np.linalg.det(space.build(ends).lattice)
    angle = 120 if 142 < number < 195 else 90
    conventional = np.linalg.det(lattice_from_parameters(np.array([*cell, 90, 90, angle])))
    volume = conventional * np.linalg.det(PRIMITIVE[pyxtal_group(number).symbol[0]])
    x[2] = (volume - smallest) / (largest - smallest)
    return x


def same(first: Crystal, second: Crystal) -> bool:
    matcher = StructureMatcher(ltol=1e-3, stol=1e-3, angle_tol=0.01, primitive_cell=False, scale=False)
    return matcher.fit(first.to_structure(), second.to_structure())


@pytest.mark.parametrize("compound", COMPOUNDS, ids=lambda compound: compound.formula)
def test_the_benchmark_ground_states_lie_in_the_space(compound) -> None:
    # The published limit leaves graphite out: 2.62 times the guess of its volume.
    space = SearchSpace(compound.numbers, replace(PUBLISHED, max_volume=2.7 if compound.formula == "C" else 2.4))
    number, letters = SITES[compound.prototype]
    assert number == compound.space_group
    cell = np.array(compound.cell[:3])
    free = [[0, 0, 0], [0, 0, (cell[0] / cell[2]) ** 2 / 3 + 1 / 4]] if compound.prototype == "wurtzite" else []
    x = express(space, number, letters, cell, free)
    assert ((x >= 0) & (x <= 1)).all()
    built = space.build(x[None])
    assert built.valid[0] and built.space_group[0] == number
    crystal = Crystal(compound.numbers, built.frac_coords[0], built.lattice[0])
    assert len(crystal) == compound.n_atoms
    assert same(crystal, compound.crystal())


def test_rutile() -> None:
    space, u = SearchSpace(MGF2, PUBLISHED), 0.303
    built = space.build(express(space, 136, "aaffff", np.array([4.621, 4.621, 3.052]), [[0, 0, 0], [u, 0, 0]])[None])
    places = [[0, 0, 0], [0.5, 0.5, 0.5], [u, u, 0], [-u, -u, 0], [0.5 + u, 0.5 - u, 0.5], [0.5 - u, 0.5 + u, 0.5]]
    rutile = Crystal(np.array(MGF2), np.array(places), np.diag([4.621, 4.621, 3.052]))
    assert built.valid[0]
    assert same(Crystal(np.array(MGF2), built.frac_coords[0], built.lattice[0]), rutile)


# ---- lattices


@pytest.mark.parametrize("numbers", [[55], NACL, ZNO])
def test_cells_keep_to_volume_ratios_and_crystal_system(numbers) -> None:
    space, x = every_group(numbers, 20, seed=3)
    built = space.build(x)
    guess = (4 / 3 * np.pi * covalent_radius(numbers) ** 3).sum() / 0.55
    volume = np.linalg.det(built.lattice)  # positive: right-handed
    assert np.allclose(volume, guess * (0.4 + 2.0 * x[:, 2]))
    cells = np.array([conventional(built, k) for k in range(len(x))])
    a, b, c, *angles = lattice_parameters(cells).T
    number, angles = built.space_group, np.array(angles).T
    limit = 4 * (1 + 1e-9)
    for ratio in (b / a, c / a):
        assert ((ratio <= limit) & (ratio >= 1 / limit)).all()
    assert ((angles > 20 - 1e-6) & (angles < 160 + 1e-6)).all()
    assert np.allclose((b / a)[number > 74], 1) and np.allclose((c / a)[number > 194], 1)
    assert (b / a)[number < 75].std() > 0.1 and (c / a)[number < 195].std() > 0.1
    hexagonal = (number > 142) & (number < 195)
    assert np.allclose(angles[hexagonal], [90, 90, 120])
    assert np.allclose(angles[(number > 15) & ~hexagonal], 90)
    assert np.allclose(angles[(number > 2) & (number < 16)][:, [0, 2]], 90)
    assert angles[(number > 2) & (number < 16), 1].std() > 10
    lengths = np.stack([a, b, c], 1)
    assert ((lengths[built.valid] > 2 - 1e-9) & (lengths[built.valid] < 30 + 1e-9)).all()
    assert not built.valid[(lengths < 2 - 1e-9).any(1)].any()


def test_angles_that_no_cell_has_are_invalid() -> None:
    space = SearchSpace(NACL, PUBLISHED)
    x = np.full((4, space.dimension), 0.3)
    x[:, 0] = 0
    x[:, 3:5] = 0.5
    degrees = np.array([[90, 90, 90], [20, 20, 60], [150, 150, 150], [40, 80, 120]])  # the last is flat
    x[:, 5:8] = (degrees - 20) / 140
    x[:, 8:] = [0.1, 0.2, 0.3, 0.6, 0.7, 0.8]
    built = space.build(x)
    assert (built.space_group == 2).all()
    assert built.valid.tolist() == [True, False, False, False]
    assert np.isfinite(built.lattice).all() and np.isfinite(built.frac_coords).all()


def lattices_of_all_kinds(rng: np.random.Generator) -> list[np.ndarray]:
    """Random cells and highly symmetric ones, whose reduced cells are not unique."""
    random = [rng.normal(size=(3, 3)) * rng.uniform(0.5, 5, 3) for _ in range(100)]
    return random + [3 * matrix for matrix in PRIMITIVE.values()] + [lattice_from_parameters([3, 3, 5, 90, 90, 120])]


def test_minkowski_reduction() -> None:
    rng = np.random.default_rng(0)
    lattices = np.array(lattices_of_all_kinds(rng))
    images = np.array([t for t in product(range(-2, 3), repeat=3) if any(t)])
    for times in (0, 3, 8):
        skewed = np.array([shear(rng, times) for _ in lattices]) @ lattices
        reduced = minkowski_reduce(skewed)
        change = reduced @ np.linalg.inv(skewed)
        assert np.allclose(change, np.rint(change), atol=1e-6)
        assert np.allclose(np.abs(np.linalg.det(change)), 1)
        lengths = np.linalg.norm(reduced, axis=-1)
        assert (np.diff(lengths, axis=1) >= -1e-9 * lengths[:, 1:]).all()
        assert (np.abs(np.linalg.det(reduced)) >= lengths.prod(1) / np.sqrt(2) * (1 - 1e-9)).all()
        for k, cell in enumerate(reduced):
            assert np.linalg.norm(images @ cell, axis=1).min() >= lengths[k, 0] * (1 - 1e-9)
            niggli = np.linalg.norm(spglib.niggli_reduce(lattices[k]), axis=1)
            assert np.allclose(np.sort(niggli), lengths[k], rtol=1e-4)


# ---- filters


@pytest.mark.parametrize(("numbers", "fraction"), [(NACL, 0.4), (NACL, 0.9), (ZNO, 0.4), (ZNO, 0.7), ([55], 0.8)])
def test_filters_against_brute_force(numbers, fraction) -> None:
    space = SearchSpace(numbers, replace(PUBLISHED, min_distance=fraction, max_vacuum=5.0))
    rng = np.random.default_rng(4)
    x = rng.random((500, space.dimension))
    x[:250, 0] = rng.uniform(0, 0.05, 250)  # triclinic and monoclinic cells, with the sharpest angles
    x[:120, 5:8] = rng.choice([0, 0.02, 0.98, 1], (120, 3))
    built = space.build(x)
    reach = 2 * covalent_radius(numbers).max()
    checked = Counter()
    for k, (frac, lattice) in enumerate(zip(built.frac_coords, built.lattice, strict=True)):
        lengths = np.linalg.norm(conventional(built, k), axis=1)
        if (lengths < 2).any() or (lengths > 30).any():
            assert not built.valid[k]
            continue
        angles = np.radians(20 + 140 * x[k, 5:8])
        cosines = np.cos(angles)
        if built.space_group[k] == 2 and 1 + 2 * cosines.prod() - (cosines**2).sum() < 2e-4:
            continue
        ratio = closest_ratio(frac, lattice, numbers, reach)
        (cell,) = minkowski_reduce(lattice[None])
        wide = 0.0
        for axis in range(3):
            normal = np.cross(cell[axis - 2], cell[axis - 1])
            normal /= np.linalg.norm(normal)
            height = abs(normal @ cell[axis])
            layers = np.sort(frac @ lattice @ normal % height)
            wide = max(wide, np.diff([*layers, layers[0] + height]).max())
        if abs(ratio - fraction) < 1e-6 or abs(wide - 5) < 1e-6:
            continue
        assert built.valid[k] == (ratio >= fraction and wide <= 5), (k, built.space_group[k], ratio, wide)
        checked[bool(built.valid[k])] += 1
    assert min(checked[True], checked[False]) > 10, checked


def test_the_distance_filter_does_not_depend_on_the_choice_of_cell() -> None:
    space = SearchSpace(ZNO, replace(PUBLISHED, min_distance=0.6, max_vacuum=1e9))
    rng = np.random.default_rng(5)
    lattice = np.array(lattices_of_all_kinds(rng))
    lattice *= (60 / np.abs(np.linalg.det(lattice)) ** (1 / 3))[:, None, None] / 60 ** (2 / 3)  # 60 Å³
    frac = rng.random((len(lattice), 4, 3))
    change = np.array([shear(rng, 8) for _ in lattice])
    passed = space._passes(frac, lattice)
    assert 5 < passed.sum() < len(passed) - 5
    assert (space._passes(frac @ np.linalg.inv(change), change @ lattice) == passed).all()
    for k in range(len(lattice)):
        assert passed[k] == (closest_ratio(frac[k], lattice[k], ZNO, 2.5) >= 0.6)


def test_distances_at_the_limit() -> None:
    space = SearchSpace(NACL, PUBLISHED)
    allowed = 0.4 * covalent_radius(NACL).sum()
    cell = np.diag([5.0, 5.0, 5.0])
    for direction in ([1, 0, 0], [0, -1, 0], [1, 1, 1], [-1, 1, -1]):
        step = np.array(direction) / np.linalg.norm(direction) * allowed / 5
        frac = np.array([[[0.9, 0.1, 0.05], [0.9, 0.1, 0.05] + step * scale] for scale in (1 - 1e-6, 1 + 1e-6)])
        assert space._passes(frac % 1, np.array([cell, cell])).tolist() == [False, True]
    # the largest atom and its own image: sodium, 1.66 Å
    far = np.array([[[0, 0, 0], [0.5, 0.5, 0.5]]] * 2)
    own = 0.8 * covalent_radius(11)
    cells = np.array([np.diag([scale * own, 6, 6]) for scale in (1 - 1e-6, 1 + 1e-6)])
    assert space._passes(far, cells).tolist() == [False, True]


def test_many_candidates_are_looked_at_in_pieces(monkeypatch) -> None:
    space, x = every_group(ZNO, 3, seed=6)
    whole = space.build(x).valid
    monkeypatch.setattr(search_space, "CHUNK", 7)
    assert (space.build(x).valid == whole).all()


def test_vacuum_by_hand() -> None:
    frac = np.array([[[0.1, 0.2, 0.0], [0.6, 0.7, 0.3]]])
    assert widest_gap(frac, np.diag([4.0, 4, 10])[None])[0] == pytest.approx(7)
    assert widest_gap(frac, np.diag([16.0, 4, 10])[None])[0] == pytest.approx(8)
    assert widest_gap(frac[:, :1] - 3, np.diag([4.0, 5, 6])[None])[0] == pytest.approx(6)
    oblique = lattice_from_parameters(np.array([4, 4, 10, 90, 30, 90]))  # faces 5 Å apart, not 10
    assert widest_gap(frac[:, :1], oblique[None])[0] == pytest.approx(5)
    space, rng = SearchSpace(NACL, PUBLISHED), np.random.default_rng(7)
    for c, passes in ((9.99, True), (10.01, False)):
        for times in (0, 2, 6):
            change = shear(rng, times)
            cell = change @ np.diag([4.0, 4.1, c])
            assert space._passes(frac @ np.linalg.inv(change), cell[None])[0] == passes
    # layers 8 Å apart, but less than 4 Å between the faces of the primitive cell as it is built
    tall, lone = PRIMITIVE["I"] @ np.diag([4.0, 4, 16]), SearchSpace([55], PUBLISHED)
    assert widest_gap(np.zeros((1, 1, 3)), tall[None])[0] < 4
    assert not lone._passes(np.zeros((1, 1, 3)), tall[None])[0]


# ---- the cube


@pytest.mark.parametrize("numbers", [[55], NACL, MGF2])
def test_corners_of_the_cube(numbers) -> None:
    space = SearchSpace(numbers, PUBLISHED)
    ends = np.array([0, BELOW_ONE, 1])
    corners = np.random.default_rng(8).choice([*ends, 1e-20], (500, space.dimension))  # -1e-20 wraps to exactly 1
    for x in (ends[:, None].repeat(space.dimension, 1), corners):
        built = space.build(x)
        assert ((built.frac_coords >= 0) & (built.frac_coords < 1)).all()
        assert np.isfinite(built.lattice).all() and (np.linalg.det(built.lattice) > 0).all()
    first, last, closed = space.build(ends[:, None].repeat(space.dimension, 1)).space_group
    assert first == space._combinations.groups[0] and last == closed == space._combinations.groups[-1]


def test_every_combination_is_drawn_equally_often() -> None:
    space = SearchSpace(NACL, PUBLISHED)
    c = space._combinations
    x = np.full((1000 * len(c.groups), space.dimension), 0.5)
    x[:, 0] = (np.arange(len(x)) + 0.5) / len(x)
    assert (np.bincount(space.build(x).space_group)[c.groups] == 1000).all()
    x = np.full((5600, space.dimension), 0.5)
    x[:, 0], x[:, 1] = 0, (np.arange(5600) + 0.5) / 5600
    assert set(Counter(map(tuple, space.build(x).wyckoff.tolist())).values()) == {100}


def test_same_x_same_bytes_whatever_is_built_beside_it() -> None:
    space, x = every_group(MGF2, 4, seed=9)
    built, again = space.build(x), SearchSpace(MGF2, PUBLISHED).build(x.copy())
    order = np.random.default_rng(10).permutation(len(x))
    mixed, untouched = space.build(x[order]), x.copy()
    alone = [space.build(x[k : k + 1]) for k in range(60)]
    for name in ("frac_coords", "lattice", "space_group", "wyckoff", "valid"):
        whole = getattr(built, name)
        assert whole.tobytes() == getattr(again, name).tobytes()
        assert whole[order].tobytes() == getattr(mixed, name).tobytes()
        assert whole[:60].tobytes() == np.concatenate([getattr(one, name) for one in alone]).tobytes()
    assert (x == untouched).all()
    assert 0.2 < built.valid.mean() < 0.9


def test_nothing_to_build() -> None:
    space = SearchSpace(NACL, PUBLISHED)
    built = space.build(np.empty((0, space.dimension)))
    assert built.frac_coords.shape == (0, 2, 3) and built.lattice.shape == (0, 3, 3) and built.valid.shape == (0,)


def test_x_outside_the_cube() -> None:
    space = SearchSpace(NACL, PUBLISHED)
    assert space.dimension == 14
    with pytest.raises(ValueError, match=r"x must be \[m, 14\], got \[14\]"):
        space.build(np.zeros(14))
    with pytest.raises(ValueError, match=r"x must be \[m, 14\], got \[3, 13\]"):
        space.build(np.zeros((3, 13)))
    for wrong in (-1e-9, 1.5, np.nan):
        x = np.full((2, 14), 0.5)
        x[1, 4] = wrong
        with pytest.raises(ValueError, match="x must lie within 0-1"):
            space.build(x)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"min_distance": 0.0}, "min_distance"),
        ({"min_distance": 1.1}, "min_distance"),
        ({"min_distance": float("nan")}, "min_distance"),
        ({"min_volume": 0.0}, "min_volume"),
        ({"min_volume": 3.5}, "min_volume"),
        ({"max_volume": float("inf")}, "max_volume"),
        ({"max_ratio": 1.0}, "max_ratio"),
        ({"max_ratio": 16.0}, "max_ratio"),
        ({"max_vacuum": 0.0}, "max_vacuum"),
        ({"max_vacuum": float("nan")}, "max_vacuum"),
    ],
)
def test_settings_out_of_range(values, name) -> None:
    with pytest.raises(ValueError, match=rf"config: search\.space\.{name}: "):
        parse_settings(SpaceSettings, values, "search.space")


def test_numbers_that_make_no_cell() -> None:
    with pytest.raises(ValueError, match="next to each other"):
        SearchSpace([11, 17, 11], PUBLISHED)
    with pytest.raises(ValueError, match="atomic numbers must lie in"):
        SearchSpace([], PUBLISHED)
    with pytest.raises(ValueError, match="atomic numbers must lie in"):
        SearchSpace([0, 17], PUBLISHED)
