"""DimeNet++ against PyG's blocks and against the symmetries of crystals."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch_geometric.nn.inits import glorot_orthogonal
from torch_geometric.nn.models.dimenet import InteractionPPBlock, OutputPPBlock, ResidualLayer

from lcom.batch import pack
from lcom.cdvae.model import CDVAE
from lcom.cdvae.settings import CDVAESettings
from lcom.crystal import Crystal
from lcom.nets.basis import SphericalBesselBasis, spherical_harmonics
from lcom.nets.dimenet import DimeNetPP, Interaction, Output, Residual
from lcom.nets.graph import Graph, build_graph
from lcom.nets.initial import orthogonal, weights_in_a_file
from lcom.nets.settings import EncoderSettings
from tests.crystals import KNOWN, random_crystals, rotation, supercell

SETTINGS = EncoderSettings(hidden=16, int_emb=8, basis_emb=4, out_emb=12, spherical=7, after_skip=2)


@pytest.fixture(scope="module")
def model() -> CDVAE:
    torch.manual_seed(0)
    return CDVAE(CDVAESettings()).eval()


def _latent(model: CDVAE, *crystals: Crystal) -> torch.Tensor:
    with torch.no_grad():
        return model.encode(pack(crystals))[0]


def _symmetric_graph() -> Graph:
    """Every pair of images within the cutoff, none dropped, all weights 1: the graph that the published network sees."""
    graph = build_graph(pack([KNOWN["MgO"], KNOWN["ZnO"]]), 4.0, 60)
    real = (graph.distance < 4.0).to(graph.weight.dtype)
    return Graph(graph.neighbour, graph.vector, graph.distance, real, graph.reverse, real)


def test_interaction_equals_pyg() -> None:
    """The block with its factorised triplets equals PyG's with explicit ones, weights copied."""
    torch.manual_seed(1)
    s = SETTINGS
    theirs = InteractionPPBlock(s.hidden, s.int_emb, s.basis_emb, s.spherical, s.radial, 1, 2, torch.nn.functional.silu)
    ours = Interaction(s)
    names = {"lin_rbf1": "rbf1", "lin_rbf2": "rbf2", "lin_sbf1": "sbf1", "lin_sbf2": "sbf2", "lin_ji": "ji", "lin_kj": "kj",
             "lin_down": "down", "lin_up": "up", "layers_before_skip": "before", "lin": "lin", "layers_after_skip": "after"}  # fmt: skip
    state = {}
    for key, value in theirs.state_dict().items():
        head, tail = key.split(".", 1)
        state[f"{names[head]}.{tail}"] = value
    ours.load_state_dict(state)

    graph = _symmetric_graph()
    n, k = graph.neighbour.shape
    x, rbf = torch.randn(n, k, s.hidden), torch.randn(n, k, s.radial)
    radial = SphericalBesselBasis(s.spherical, s.radial, 7.0)(graph.distance)
    mine = ours(x, rbf, radial, spherical_harmonics(graph.unit, s.spherical - 1), graph)

    real = (graph.weight > 0).view(-1)
    number = torch.cumsum(real, 0) - 1  # edges of the sparse graph, in order
    idx_kj, idx_ji, sbf = [], [], []
    unit, neighbour, reverse = graph.unit, graph.neighbour, graph.reverse
    norms = torch.sqrt((2 * torch.arange(s.spherical) + 1) / (4 * torch.pi))
    for i in range(n):
        for a in range(k):
            if not graph.weight[i, a]:
                continue
            j, back = int(neighbour[i, a]), int(reverse[i, a]) % k
            for b in range(k):
                if not graph.weight[j, b] or b == back:  # k -> j -> i with k the same atom in the same image as i
                    continue
                idx_ji.append(int(number[i * k + a]))
                idx_kj.append(int(number[j * k + b]))
                cosine = float(-(unit[i, a] * -1 @ unit[j, b]))  # between k -> j and j -> i
                legendre = torch.tensor(np.polynomial.legendre.legval(cosine, np.eye(s.spherical)), dtype=torch.float32)
                sbf.append(
                    torch.stack([radial[j, b, l] * legendre[l] * norms[l] for l in range(s.spherical)]).flatten()
                )
    if not idx_ji:
        pytest.fail("no triplets")
    expected = theirs(
        x.view(n * k, -1)[real], rbf.view(n * k, -1)[real], torch.stack(sbf), torch.tensor(idx_kj), torch.tensor(idx_ji)
    )
    torch.testing.assert_close(mine.view(n * k, -1)[real], expected, rtol=1e-4, atol=1e-4)


def test_residual_equals_pyg_and_has_its_initial_weights() -> None:
    torch.manual_seed(3)
    theirs = ResidualLayer(16, F.silu)
    after = torch.rand(1)
    torch.manual_seed(3)
    ours = Residual(16)
    assert torch.equal(torch.rand(1), after)  # as many numbers are drawn
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=0, atol=0)
        value += torch.randn_like(value)  # biases, too
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(5, 3, 16)
    torch.testing.assert_close(ours(x), theirs(x))


def test_weights_are_drawn_by_pyg_unless_a_file_has_them() -> None:
    torch.manual_seed(4)
    expected = torch.empty(6, 9)
    glorot_orthogonal(expected, scale=2.0)
    layer = torch.nn.Linear(9, 6)
    before = layer.weight.clone()
    with pytest.raises(RuntimeError, match="of the file"), weights_in_a_file():
        orthogonal(layer)
        assert torch.equal(layer.weight, before) and layer.bias.abs().min() > 0
        raise RuntimeError("of the file")
    torch.manual_seed(4)
    orthogonal(layer)
    assert torch.equal(layer.weight, expected) and layer.bias.abs().max() == 0
    network = DimeNetPP(SETTINGS, 5.0, 3)
    for linear in (x for x in network.modules() if isinstance(x, torch.nn.Linear)):
        short = linear.weight.detach() if linear.weight.shape[0] < linear.weight.shape[1] else linear.weight.detach().T
        gram = short @ short.T
        torch.testing.assert_close(gram / gram.diagonal().mean(), torch.eye(len(gram)), rtol=0, atol=1e-4)


def test_output_equals_pyg() -> None:
    torch.manual_seed(2)
    s = SETTINGS
    theirs = OutputPPBlock(s.radial, s.hidden, s.out_emb, 5, 2, torch.nn.functional.silu, "glorot_orthogonal")
    ours = Output(s, 5)
    names = {"lin_rbf": "rbf", "lin_up": "up", "lins": "layers", "lin": "lin"}
    ours.load_state_dict(
        {f"{names[k.split('.', 1)[0]]}.{k.split('.', 1)[1]}": v for k, v in theirs.state_dict().items()}
    )
    x, rbf = torch.randn(6, 4, s.hidden), torch.randn(6, 4, s.radial)
    expected = theirs(x.view(24, -1), rbf.view(24, -1), torch.arange(6).repeat_interleave(4), 6)
    torch.testing.assert_close(ours(x, rbf, torch.ones(6, 4)), expected)


@pytest.mark.parametrize("formula", ["NaCl", "CsCl", "ZnS", "Si"])
def test_small_cells_have_angles(formula: str) -> None:
    """Masking triplets by atom alone drops every angle of these cells; here a bent crystal must encode differently."""
    crystal = KNOWN[formula]
    graph = build_graph(pack([crystal]), 7.0, 20)
    _, k = graph.neighbour.shape
    bonds = graph.weight[0] > 1e-3
    cosines = (graph.unit[0] @ graph.unit[0].T)[bonds][:, bonds]
    off = ~torch.eye(int(bonds.sum()), dtype=torch.bool)
    assert bonds.sum() >= 4 and (cosines[off] < 0.99).all()


def test_latent_is_invariant(model: CDVAE) -> None:
    for crystal in [*random_crystals(3, 5), KNOWN["CdS"]]:
        rng = np.random.default_rng(0)
        order = rng.permutation(len(crystal))
        moved = Crystal(
            crystal.numbers[order], crystal.frac_coords[order] + rng.random(3), crystal.lattice @ rotation()
        )
        sheared = supercell(crystal, np.array([[1, 1, 0], [0, 1, 0], [-1, 0, 1]]))
        doubled = supercell(crystal, np.diag([2, 1, 1]))
        z = _latent(model, crystal)
        for other in (moved, sheared, doubled):
            torch.testing.assert_close(_latent(model, other), z, atol=2e-4, rtol=1e-3)


def test_latent_is_continuous_where_neighbours_change(model: CDVAE) -> None:
    """Scaling the cell moves shells through the list's end; nothing may jump."""
    base = random_crystals(1, 4)[0]
    crystals = [
        Crystal(base.numbers, base.frac_coords + 0, base.lattice @ np.diag([1 + 1e-4 * i, 1, 1])) for i in range(200)
    ]
    z = _latent(model, *crystals)
    steps = (z[1:] - z[:-1]).norm(dim=1)
    assert steps.max() < 10 * steps.median() + 1e-4


def test_latent_tells_polymorphs_apart(model: CDVAE) -> None:
    from lcom.compounds import PROTOTYPES

    numbers = [12, 8]
    rocksalt, zincblende = (
        PROTOTYPES[p].build(numbers, [4.2, 4.2, 4.2, 90, 90, 90]) for p in ("rocksalt", "zincblende")
    )
    z = _latent(model, rocksalt, zincblende, random_crystals(1, 4)[0])
    assert (z[0] - z[1]).norm() > 1e-2
