"""The periodic graph against ASE, brute force and its own symmetries."""

import numpy as np
import pytest
import spglib
import torch
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

from lcom.batch import pack
from lcom.crystal import Crystal
from lcom.nets.graph import build_graph, envelope, image_offsets, shortest_way
from tests.crystals import KNOWN, random_crystals, rotation, supercell


def _sorted_distances(crystal: Crystal, cutoff: float) -> list[np.ndarray]:
    i, d = neighbor_list("id", crystal.to_atoms(), cutoff)
    return [np.sort(d[i == k]) for k in range(len(crystal))]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 7))
def test_neighbours_equal_ase(seed: int, n: int) -> None:
    crystals = random_crystals(3, n, seed)
    graph = build_graph(pack(crystals), 6.0, 20)
    oracle = [d for c in crystals for d in _sorted_distances(c, 6.0)]
    for distance, expected in zip(graph.distance.numpy(), oracle, strict=True):
        found = np.sort(distance[distance < 6.0])
        assert len(found) == min(len(expected), 20)
        np.testing.assert_allclose(found, expected[: len(found)], atol=2e-4)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 12), st.floats(0.5, 8.0), st.integers(0, 999)), min_size=1, max_size=5),
    st.integers(1, 24),
)
def test_a_crystal_in_a_mixed_batch_has_the_neighbours_that_it_has_alone(drawn: list, k: int) -> None:
    """Of any size and density: an isolated atom beside a large cell has fewer images than slots, and they hold the atom itself."""
    crystals = []
    for n, stretch, seed in drawn:
        (crystal,) = random_crystals(1, n, seed)
        crystals.append(Crystal(crystal.numbers, crystal.frac_coords, crystal.lattice * stretch))
    together = build_graph(pack(crystals), 6.0, k)
    first = 0
    for crystal in crystals:
        own = slice(first, first + len(crystal))
        alone = build_graph(pack([crystal]), 6.0, k)
        neighbour = together.neighbour[own] - first
        assert ((neighbour >= 0) & (neighbour < len(crystal))).all()
        torch.testing.assert_close(together.weight[own], alone.weight, atol=1e-4, rtol=0)
        certain = alone.weight > 1e-3
        for name in ("distance", "paired"):
            torch.testing.assert_close(
                getattr(together, name)[own][certain], getattr(alone, name)[certain], atol=1e-3, rtol=0
            )
        empty = (together.vector[own] == torch.tensor([2 * 6.0, 0.0, 0.0])).all(-1)
        atoms = torch.arange(len(crystal))[:, None].expand(-1, k)
        assert (neighbour[empty] == atoms[empty]).all() and (together.weight[own][empty] == 0).all()
        first += len(crystal)


def test_an_isolated_atom_after_a_large_cell_can_be_encoded() -> None:
    """Its empty slots pointed behind the end of the batch."""
    silicon = random_crystals(1, 12)[0]
    alone = Crystal([11], np.zeros((1, 3)), 10 * np.eye(3))
    graph = build_graph(pack([silicon, alone]), 7.0, 20)
    assert (graph.neighbour[-1] == 12).all() and (graph.weight[-1] == 0).all()


@pytest.mark.parametrize("formula, within", [("NaCl", 80), ("Si", 274 // 2)])
def test_every_image_is_seen(formula: str, within: int) -> None:
    """27 images lose most neighbours of a primitive cell at 7 Å: rocksalt NaCl has 80 an atom."""
    crystal = KNOWN[formula]
    graph = build_graph(pack([crystal]), 7.0, 400)
    expected = [len(d) for d in _sorted_distances(crystal, 7.0)]
    assert (graph.distance < 7.0).sum(1).tolist() == expected
    if formula == "NaCl":
        assert expected == [within, within]


def test_tiny_skewed_and_flat_cells() -> None:
    base = KNOWN["MgO"]
    skewed = supercell(base, np.array([[1, 0, 0], [3, 1, 0], [-2, 4, 1]]))
    a, b = build_graph(pack([base]), 7.0, 20), build_graph(pack([skewed]), 7.0, 20)
    np.testing.assert_allclose(a.distance.sort(1).values, b.distance.sort(1).values, atol=1e-3)
    flat = Crystal([12], np.zeros((1, 3)), np.diag([1e-3, 1.0, 1.0]))
    with pytest.raises(ValueError, match="too flat"):
        image_offsets(pack([flat]).lattice, 7.0)


def test_reverse_edges() -> None:
    batch = pack([*random_crystals(4, 4), KNOWN["NaCl"], KNOWN["CdS"]])
    graph = build_graph(batch, 7.0, 20)
    n, k = graph.neighbour.shape
    flat = graph.vector.view(-1, 3)[graph.reverse]
    paired = graph.paired > 0
    assert paired.float().mean() > 0.8
    torch.testing.assert_close(flat[paired], -graph.vector[paired], atol=1e-3, rtol=0)
    owner = graph.neighbour.view(-1)[graph.reverse]
    assert (owner[paired] == torch.arange(n)[:, None].expand(n, k)[paired]).all()
    # brute force: an edge is paired exactly when the neighbour lists it with weight
    for i, a in [(0, 0), (3, 19), (9, 5), (17, 11)]:
        j = int(graph.neighbour[i, a])
        hits = [
            b for b in range(k)
            if graph.neighbour[j, b] == i and (graph.vector[j, b] + graph.vector[i, a]).norm() < 1e-2
        ]  # fmt: skip
        expected = float(graph.weight[j, hits[0]]) if hits else 0.0
        assert float(graph.paired[i, a]) == pytest.approx(expected, abs=1e-4)


def test_a_shell_is_kept_or_dropped_whole() -> None:
    """18 neighbours in two shells of rocksalt: with 16 slots the second shell of 12 weighs nothing, with 20 it counts in full."""
    narrow = build_graph(pack([KNOWN["NaCl"]]), 7.0, 16).weight
    wide = build_graph(pack([KNOWN["NaCl"]]), 7.0, 20).weight
    assert ((narrow > 1e-3).sum(1) == 6).all()
    assert ((wide > 1e-3).sum(1) == 18).all()


def test_padding_of_a_crystal_with_few_neighbours() -> None:
    lonely = Crystal([11], np.zeros((1, 3)), np.eye(3) * 20.0)
    graph = build_graph(pack([lonely, KNOWN["MgO"]]), 7.0, 20)
    assert (graph.weight[0] == 0).all() and (graph.paired[0] == 0).all()
    assert torch.isfinite(graph.unit).all()


def test_distances_do_not_depend_on_frame_or_batch() -> None:
    crystal = random_crystals(1, 5)[0]
    turned = Crystal(crystal.numbers, crystal.frac_coords + 0.37, crystal.lattice @ rotation())
    a = build_graph(pack([crystal]), 7.0, 20)
    b = build_graph(pack([KNOWN["CsCl"], turned]), 7.0, 20)
    torch.testing.assert_close(a.distance, b.distance[2:], atol=1e-4, rtol=0)
    torch.testing.assert_close(a.weight, b.weight[2:], atol=1e-4, rtol=0)


def test_envelope() -> None:
    x = torch.linspace(0, 1.2, 241, dtype=torch.float64, requires_grad=True)
    value = envelope(x)
    (slope,) = torch.autograd.grad(value.sum(), x)
    assert value[0] == 1 and (value[x >= 1] == 0).all() and (slope <= 1e-12).all()
    assert value[199].item() < 1e-5  # flat at the end


def test_shortest_way_by_hand() -> None:
    """In a cell of 60° angles rounding each coordinate leaves 0.98 a of the way, the shortest has 0.60 a."""
    fcc = torch.tensor([[[0.0, 1, 1], [1, 0, 1], [1, 1, 0]]]) / 2**0.5
    assert shortest_way(torch.tensor([[0.4, 0.4, 0.4]]), fcc).norm().item() == pytest.approx(0.6, abs=1e-2)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.2, 1.2))
def test_shortest_way_in_niggli_cells_equals_a_search_of_all_images(seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    lattice = np.diag(rng.uniform(2, 9, 3)) + rng.normal(size=(3, 3)) * 4 * spread
    reduced = spglib.niggli_reduce(lattice)
    if reduced is None or abs(np.linalg.det(reduced)) < 5:
        return
    difference = rng.uniform(-2, 2, (500, 3))
    images = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3), -1).reshape(-1, 3)
    wrapped = difference - np.round(difference)
    expected = np.linalg.norm((wrapped[:, None] + images) @ reduced, axis=-1).min(1)
    way = shortest_way(torch.tensor(difference[None]), torch.tensor(reduced[None]))[0].numpy()
    np.testing.assert_allclose(np.linalg.norm(way, axis=-1), expected, atol=1e-9)
    steps = way @ np.linalg.inv(reduced) - difference  # it ends at an image of the same place
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)
