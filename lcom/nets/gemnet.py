"""GemNet-dT and GemNet-dQ on dense periodic graphs: a noisy crystal -> a vector for each atom and a strain of its cell.

Gasteiger et al. 2021 (arXiv 2106.08903) with direct forces: triplets, as the public CD-VAE's decoder has, and quadruplets, as
the LCOMs paper says. The efficient bilinear layers' sums are the exact factorised ones of lcom.nets.basis.angular_sum and
lcom.nets.quadruplets. The published net scales its sums by fitted factors from a file; here those factors are learned parameters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcom.batch import Batch
from lcom.nets.basis import GaussianBasis, angular_sum, spherical_harmonics
from lcom.nets.graph import Graph, gather, scatter_mean
from lcom.nets.initial import unit_variance
from lcom.nets.quadruplets import Dihedrals, dihedrals, two_hop_sum
from lcom.nets.settings import DecoderSettings

HALF = 1 / math.sqrt(2)


def scaled_silu(x: Tensor) -> Tensor:
    """SiLU / 0.6, which keeps unit variance (GemNet, appendix). In place where autograd allows: these nets are bound by memory."""
    return F.silu(x).mul_(1 / 0.6)


class Dense(nn.Module):
    """A linear map without bias, orthogonal at the start, and the scaled SiLU."""

    def __init__(self, n_in: int, n_out: int, activation: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(n_in, n_out, bias=False)
        unit_variance(self.linear)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        x = self.linear(x)
        return scaled_silu(x) if self.activation else x


class EdgeDense(nn.Module):
    """A dense layer of (source atom, target atom, edge), its atom parts done an atom instead of an edge: K times less work."""

    def __init__(self, n_atom: int, n_edge: int, n_out: int) -> None:
        super().__init__()
        self.n_atom = n_atom
        self.dense = Dense(2 * n_atom + n_edge, n_out)

    def forward(self, h: Tensor, m: Tensor, neighbour: Tensor) -> Tensor:
        """h [N, n_atom], m [N, K, n_edge] -> [N, K, n_out]."""
        source, target, edge = self.dense.linear.weight.split([self.n_atom, self.n_atom, m.shape[-1]], dim=1)
        x = m @ edge.T
        return scaled_silu(x.add_(gather(h @ source.T, neighbour)).add_((h @ target.T)[:, None]))


class Residual(nn.Module):
    """x -> (x + two dense layers of x) / sqrt 2."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(Dense(width, width), Dense(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.layers(x)).mul_(HALF)


class Triplets(nn.Module):
    """Efficient bilinear interaction of a bond's message with those of the atom's other bonds (GemNet, eq. 9)."""

    def __init__(self, s: DecoderSettings) -> None:
        super().__init__()
        self.ba = Dense(s.hidden, s.hidden)
        self.rbf = Dense(s.emb_rbf, s.hidden, activation=False)
        self.down = Dense(s.hidden, s.emb_trip)
        self.bilinear = Dense(s.emb_trip * s.emb_cbf, s.bilinear, activation=False)
        self.scale = nn.Parameter(torch.tensor(0.3))
        self.up_ca = Dense(s.bilinear, s.hidden)
        self.up_ac = Dense(s.bilinear, s.hidden)

    def forward(self, m: Tensor, rbf: Tensor, cbf: Tensor, y: Tensor, graph: Graph) -> Tensor:
        x = self.down(self.ba(m) * self.rbf(rbf)) * graph.weight[..., None]  # [N, K, trip]
        x = self.bilinear((cbf @ angular_sum(y, x)).flatten(2)) * self.scale  # cbf [N, K, emb_cbf, L]
        return both_ways(self.up_ca(x), self.up_ac(x), graph)


@dataclass(frozen=True)
class TwoHop:
    """What the quadruplets of all blocks share: radial [N, Q, emb_cbf, L] of the bonds a-b, sbf [N, K, emb_cbf, L (L + 1) / 2]."""

    geometry: Dihedrals
    radial: Tensor
    sbf: Tensor


class Quadruplets(nn.Module):
    """Efficient bilinear interaction of a bond's message with those two bonds away (GemNet, sec. 5 and eq. 9)."""

    def __init__(self, s: DecoderSettings) -> None:
        super().__init__()
        self.db = Dense(s.hidden, s.hidden)
        self.rbf = Dense(s.emb_rbf, s.hidden, activation=False)
        self.down = Dense(s.hidden, s.emb_quad)
        self.cbf = Dense(s.emb_cbf, s.emb_quad, activation=False)
        self.bilinear = Dense(s.emb_quad * s.emb_cbf, s.bilinear, activation=False)
        self.scale = nn.Parameter(torch.tensor(0.1))
        self.up_ca = Dense(s.bilinear, s.hidden)
        self.up_ac = Dense(s.bilinear, s.hidden)

    def forward(self, m: Tensor, rbf: Tensor, two_hop: TwoHop, graph: Graph) -> Tensor:
        x = self.down(self.db(m) * self.rbf(rbf)) * graph.weight[..., None]  # [N, K, quad]
        radial = self.cbf(two_hop.radial.mT).mT  # [N, Q, quad, L]
        total = two_hop_sum(x, radial, two_hop.geometry)  # [N, K, L (L + 1) / 2, quad]
        x = self.bilinear((two_hop.sbf @ total).flatten(2)) * self.scale
        return both_ways(self.up_ca(x), self.up_ac(x), graph)


def both_ways(to_a: Tensor, to_c: Tensor, graph: Graph) -> Tensor:
    """What a bond c -> a has heard, and what its reverse a -> c has, [N, K, hidden] each."""
    return (to_a + gather(to_c.flatten(0, 1), graph.reverse) * graph.paired[..., None]) * HALF


class AtomUpdate(nn.Module):
    """Messages of an atom's bonds, weighted by a function of their length and summed, [N, K, hidden] -> [N, hidden]."""

    def __init__(self, s: DecoderSettings) -> None:
        super().__init__()
        self.rbf = Dense(s.emb_rbf, s.hidden, activation=False)
        self.scale = nn.Parameter(torch.tensor(0.3))
        self.layers = nn.Sequential(Dense(s.hidden, s.hidden), *(Residual(s.hidden) for _ in range(s.residual)))

    def forward(self, m: Tensor, rbf: Tensor, weight: Tensor) -> Tensor:
        return self.layers((m * self.rbf(rbf) * weight[..., None]).sum(1) * self.scale)


class Block(nn.Module):
    """One interaction block: atoms h [N, hidden] and messages m [N, K, hidden] -> the same."""

    def __init__(self, s: DecoderSettings) -> None:
        super().__init__()
        self.skip = Dense(s.hidden, s.hidden)
        self.triplets = Triplets(s)
        self.quadruplets = Quadruplets(s) if s.kind == "gemnet-dQ" else None
        self.before, self.residual_m = Residual(s.hidden), Residual(s.hidden)
        self.after = nn.Sequential(*(Residual(s.hidden) for _ in range(s.after_skip)))
        self.atoms = AtomUpdate(s)
        self.concat = EdgeDense(s.hidden, s.hidden, s.hidden)

    def forward(
        self,
        h: Tensor,
        m: Tensor,
        rbf: Tensor,
        cbf: Tensor,
        y: Tensor,
        two_hop: TwoHop | None,
        graph: Graph,
    ) -> tuple[Tensor, Tensor]:
        parts = [self.skip(m), self.triplets(m, rbf, cbf, y, graph)]
        if self.quadruplets is not None and two_hop is not None:
            parts.append(self.quadruplets(m, rbf, two_hop, graph))
        x = sum(parts) / math.sqrt(len(parts))
        m = self.after((m + self.before(x)) * HALF)
        h = (h + self.atoms(m, rbf, graph.weight)) * HALF
        return h, (m + self.residual_m(self.concat(h, m, graph.neighbour))) * HALF


class GemNet(nn.Module):
    """(atom vectors [N, in], batch, graph) -> (vectors [N, 3], symmetric tensors [B, 3, 3]).

    Both turn with the crystal: they are sums over bonds of a learned scalar times u and u ⊗ u.
    """

    def __init__(self, s: DecoderSettings, cutoff: float, n_in: int) -> None:
        super().__init__()
        self.l_max = s.spherical - 1
        self.radial_basis = GaussianBasis(s.radial, cutoff)
        self.embed_atoms = Dense(n_in, s.hidden, activation=False)
        self.embed_edges = EdgeDense(s.hidden, s.radial, s.hidden)
        self.rbf = Dense(s.radial, s.emb_rbf, activation=False)
        self.cbf = Dense(s.radial, s.emb_cbf * s.spherical, activation=False)
        self.settings = s
        if s.kind == "gemnet-dQ":
            self.quad_radial = Dense(s.radial, s.emb_cbf * s.spherical, activation=False)
            self.quad_sbf = Dense(s.radial, s.emb_cbf * s.spherical * (s.spherical + 1) // 2, activation=False)
        self.blocks = nn.ModuleList(Block(s) for _ in range(s.blocks))
        self.edge_rbf = nn.ModuleList(Dense(s.emb_rbf, s.hidden, activation=False) for _ in range(s.blocks + 1))
        self.edge_layers = nn.ModuleList(
            nn.Sequential(
                Dense(s.hidden, s.hidden),
                *(Residual(s.hidden) for _ in range(s.residual)),
                Dense(s.hidden, 2, activation=False),
            )
            for _ in range(s.blocks + 1)
        )

    def forward(self, atoms: Tensor, batch: Batch, graph: Graph) -> tuple[Tensor, Tensor]:
        h = self.embed_atoms(atoms)
        radial = self.radial_basis(graph.distance)
        rbf = self.rbf(radial)
        cbf = self.cbf(radial).unflatten(-1, (self.settings.emb_cbf, -1))
        unit = graph.unit
        y = spherical_harmonics(unit, self.l_max)
        two_hop = self._two_hop(radial, graph) if self.settings.kind == "gemnet-dQ" else None
        m = self.embed_edges(h, radial, graph.neighbour)
        scalars = self.edge_layers[0](m * self.edge_rbf[0](rbf))
        for block, edge_rbf, layers in zip(self.blocks, self.edge_rbf[1:], self.edge_layers[1:], strict=True):
            h, m = block(h, m, rbf, cbf, y, two_hop, graph)
            scalars = scalars + layers(m * edge_rbf(rbf))
        with torch.autocast(unit.device.type, enabled=False):  # directions are not for bfloat16
            force, stress = (scalars.float() * graph.weight[..., None]).unbind(-1)  # [N, K] each
            vectors = torch.einsum("nk,nka->na", force, unit)
            tensors = torch.einsum("nk,nka,nkb->nab", stress, unit, unit)
        return vectors, scatter_mean(tensors, batch)

    def _two_hop(self, radial: Tensor, graph: Graph) -> TwoHop:
        s = self.settings
        with torch.autocast(radial.device.type, enabled=False):
            geometry = dihedrals(graph, self.l_max, s.quad_neighbours)
        of_b = self.quad_radial(radial[:, : s.quad_neighbours]).unflatten(-1, (s.emb_cbf, -1))
        return TwoHop(geometry, of_b, self.quad_sbf(radial).unflatten(-1, (s.emb_cbf, -1)))
