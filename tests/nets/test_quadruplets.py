"""The factorised two-hop sum against the plain one over quadruplets, and its smoothness where angles are straight."""

import math

import numpy as np
import pytest
import torch
from scipy.special import lpmv

from lcom.batch import pack
from lcom.cdvae.settings import CDVAESettings
from lcom.crystal import Crystal
from lcom.nets.graph import Graph, build_graph
from lcom.nets.quadruplets import dihedrals, two_hop_sum
from lcom.nets.settings import DecoderSettings
from tests.crystals import KNOWN, random_crystals

L, Q, C = 4, 5, 3


def _normalised(l: int, m: int, x: float) -> float:
    """P_l^m times its share of the harmonics' norm, without the Condon-Shortley sign."""
    norm = math.sqrt((2 * l + 1) / (4 * math.pi)) * (1 if m == 0 else 2 * math.factorial(l - m) / math.factorial(l + m))
    return math.sqrt(norm) * (-1) ** m * float(lpmv(m, l, min(1.0, max(-1.0, x))))


def _plain(graph: Graph, messages: np.ndarray, radial: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, int]:
    """The sum as it is defined, one quadruplet at a time, and how many of them there are."""
    unit, neighbour, k = graph.unit.double().numpy(), graph.neighbour.numpy(), graph.neighbour.shape[1]
    vector = graph.vector.double().numpy()
    pairs = [(l, m) for m in range(L) for l in range(m, L)]
    result, count = np.zeros((len(unit), k, len(pairs), C)), 0
    for a in range(len(unit)):
        for b in range(Q):
            z, j = unit[a, b], neighbour[a, b]
            for c in range(k):
                if c == b:
                    continue
                for d in range(k):
                    if neighbour[j, d] == a and np.allclose(vector[j, d], -vector[a, b], atol=1e-4):
                        continue
                    count += 1
                    near, far = unit[a, c], unit[j, d]
                    p, q = near - (near @ z) * z, far - (far @ z) * z  # across the axis
                    cosine = p @ q / max(np.linalg.norm(p) * np.linalg.norm(q), 1e-12)
                    theta = math.acos(min(1.0, max(-1.0, cosine)))
                    for n, (l, m) in enumerate(pairs):
                        for l2 in range(m, L):
                            basis = _normalised(l, m, near @ z) * _normalised(l2, m, far @ z) * math.cos(m * theta)
                            result[a, c, n] += weight[a, b] * basis * radial[a, b, :, l2] * messages[j, d]
    return result, count


def _inputs(graph: Graph) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    n, k = graph.neighbour.shape
    return torch.randn(n, k, C, generator=generator), torch.randn(n, Q, C, L, generator=generator)


@pytest.mark.parametrize("name", ["NaCl", "ZnO", "random"])
def test_it_equals_the_sum_over_quadruplets(name: str) -> None:
    crystal = random_crystals(1, 3)[0] if name == "random" else KNOWN[name]
    graph = build_graph(pack([crystal]), 7.0, 12)
    messages, radial = _inputs(graph)
    geometry = dihedrals(graph, L - 1, Q)
    plain, count = _plain(graph, messages.double().numpy(), radial.double().numpy(), geometry.weight.double().numpy())
    assert count > len(crystal) * Q * 11 * 10
    np.testing.assert_allclose(two_hop_sum(messages, radial, geometry), plain, rtol=1e-3, atol=1e-4)


def test_it_is_smooth_where_bonds_are_straight() -> None:
    """In rocksalt every bond goes on straight behind its atom: a dihedral angle alone would jump there."""
    crystal = KNOWN["NaCl"]
    step = np.random.default_rng(0).standard_normal(crystal.frac_coords.shape)

    def result(size: float) -> torch.Tensor:
        moved = Crystal(crystal.numbers, crystal.frac_coords + size * step, crystal.lattice)
        graph = build_graph(pack([moved]), 7.0, 20)
        generator = torch.Generator().manual_seed(0)
        radial = torch.randn(1, 1, C, L, generator=generator).expand(2, Q, C, L)
        summed = two_hop_sum(graph.weight[..., None].expand(-1, -1, C), radial, dihedrals(graph, L - 1, Q))
        return (summed * graph.weight[..., None, None]).sum(1)  # over bonds, whose order may change

    small, large = result(1e-4) - result(0.0), result(1e-2) - result(0.0)
    assert small.abs().max() < 0.05 * max(float(large.abs().max()), 1e-3)


def test_too_many_neighbours_are_refused() -> None:
    with pytest.raises(ValueError, match="quad_neighbours"):
        CDVAESettings(neighbours=8, decoder=DecoderSettings(kind="gemnet-dQ", quad_neighbours=8))
