"""Two-hop messages of GemNet (Gasteiger et al. 2021, sec. 5): bond c -> a hears of bonds d -> b through its neighbour b.

The published layer sums over quadruplets c-a-b-d a basis in the lengths, the angles c-a-b and a-b-d and the dihedral angle. In a
frame whose z axis is the bond a-b the directions a-c and b-d have spherical harmonics with the same cos(m θ) and sin(m θ),
and a function of the dihedral angle θ_c - θ_d is a product of the two: the sum over pairs (c, d) factorises into one
over d, then one over b, and no array of quadruplets is needed. The turn of the frame about its axis cancels.

Two departures. The dihedral angle is undefined where c-a-b or a-b-d is a straight line, as most are somewhere in a crystal: here
its cos(m θ) comes with the harmonics of both sides, which vanish there, so that the layer is smooth. And d = c (a triangle)
is a quadruplet as good as any other; only b = c and d = a are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from lcom.nets.basis import by_degree, spherical_harmonics
from lcom.nets.graph import Graph, envelope, gather


@dataclass(frozen=True)
class Dihedrals:
    """The geometry of all blocks. Q is the number of neighbours b that an atom hears through, the nearest ones.

    weight [N, Q] of the bond a-b, smooth like that of an edge · through [N, Q] int64: atom b · near: harmonics of the direction
    a-c in the frame of a-b, a [N, Q, K, 2 l + 1] for each l, zero for c = b · far: those of b-d, zero for d = a
    """

    weight: Tensor
    through: Tensor
    near: tuple[Tensor, ...]
    far: tuple[Tensor, ...]


def dihedrals(graph: Graph, l_max: int, q: int) -> Dihedrals:
    """q < K nearest neighbours of each atom; their weight falls to zero at the distance of neighbour q + 1."""
    k = graph.neighbour.shape[1]
    axis, unit = graph.unit[:, :q], graph.unit
    frame = _frames(axis)  # [N, Q, 3, 3], rows x, y, z
    through = graph.neighbour[:, :q]
    near = spherical_harmonics(torch.einsum("nqij,nkj->nqki", frame, unit), l_max)
    far = spherical_harmonics(torch.einsum("nqij,nqkj->nqki", frame, gather(unit, through)), l_max)
    slots = torch.arange(k, device=unit.device)
    not_b = (slots[:q, None] != slots).to(unit.dtype)[..., None]  # [Q, K, 1]
    is_a = (graph.reverse[:, :q, None] % k == slots) & (graph.paired[:, :q, None] > 0)
    not_a = (~is_a).to(unit.dtype)[..., None]  # [N, Q, K, 1]
    last = graph.distance[:, q : q + 1]
    weight = torch.minimum(envelope(graph.distance[:, :q] / last), graph.weight[:, :q])
    return Dihedrals(weight, through, by_degree(near * not_b), by_degree(far * not_a))


def _frames(axis: Tensor) -> Tensor:
    """Right-handed frames around axes [..., 3], rows x, y, z = axis."""
    helper = F.one_hot(axis.abs().argmin(-1), 3).to(axis.dtype)  # the Cartesian axis that is least parallel
    x = F.normalize(torch.linalg.cross(axis, helper, dim=-1), dim=-1)
    return torch.stack([x, torch.linalg.cross(axis, x, dim=-1), axis], -2)


def two_hop_sum(messages: Tensor, radial: Tensor, geometry: Dihedrals) -> Tensor:
    """For every bond c -> a and 0 <= m <= l: the sum over b and d of near_lm · sum_l' radial_l'(a-b) far_l'm · message of d -> b.

    messages [N, K, C], weighted by their edges; radial [N, Q, C, L]. Returns [N, K, L (L + 1) / 2, C].
    """
    n, q = geometry.through.shape
    size = len(geometry.near)
    x = gather(messages, geometry.through)  # [N, Q, K, C]
    heard = x.new_zeros(n, q, 2 * size - 1, x.shape[-1])  # by order m: 0, cos 1, sin 1, cos 2 ...
    for l, far in enumerate(geometry.far):
        part = (far.mT @ x) * radial[..., l][:, :, None]
        heard = heard + F.pad(part, (0, 0, 0, 2 * (size - 1 - l)))
    heard = heard * geometry.weight[..., None, None]
    result = []
    for m in range(size):
        orders = slice(0, 1) if m == 0 else slice(2 * m - 1, 2 * m + 1)
        near = torch.stack([y[..., orders] for y in geometry.near[m:]], 1)  # [N, l, Q, K, 1 or 2]
        near = near.permute(0, 3, 1, 2, 4).flatten(3).flatten(1, 2)  # [N, K · l, Q · orders]
        result.append((near @ heard[:, :, orders].flatten(1, 2)).unflatten(1, (-1, size - m)))
    return torch.cat(result, 2)
