"""DimeNet++ on dense periodic graphs: a crystal -> a vector that rotation, translation and choice of cell do not change.

Gasteiger et al. 2020 (arXiv 2003.03123 and 2011.14115) as CD-VAE uses it. Its sum over triplets is the exact factorised
one of lcom.nets.basis.angular_total; with all edge weights 1 the blocks equal PyG's reference (tests/nets/test_dimenet.py).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcom.batch import Batch
from lcom.nets.basis import BesselBasis, SphericalBesselBasis, angular_total, spherical_harmonics
from lcom.nets.graph import Graph, gather, scatter_mean
from lcom.nets.initial import orthogonal
from lcom.nets.settings import EncoderSettings


class AtomEmbedding(nn.Module):
    """A learned vector an element plus a linear map of its features (none: 0), so that rare elements borrow from their likes."""

    def __init__(self, n_elements: int, n_features: int, width: int) -> None:
        super().__init__()
        self.free = nn.Embedding(n_elements, width)
        self.shared = nn.Linear(n_features, width) if n_features else None
        nn.init.normal_(self.free.weight, std=1 / math.sqrt(width))

    def forward(self, numbers: Tensor, elements: Tensor) -> Tensor:
        table = self.free.weight if self.shared is None else self.free.weight + self.shared(elements)
        return table.index_select(0, numbers)


class Residual(nn.Module):
    """x -> x + two layers of x, [..., width]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lin1, self.lin2 = nn.Linear(width, width), nn.Linear(width, width)
        # as PyG's does, though DimeNetPP draws all again: so a seed makes the networks that it made with that
        for layer in (self.lin1, self.lin2):
            orthogonal(layer)

    def forward(self, x: Tensor) -> Tensor:
        return x + F.silu(self.lin2(F.silu(self.lin1(x))))


class Interaction(nn.Module):
    """One interaction block: messages [N, K, hidden] -> the same."""

    def __init__(self, s: EncoderSettings) -> None:
        super().__init__()
        self.spherical, self.radial = s.spherical, s.radial
        self.rbf1 = nn.Linear(s.radial, s.basis_emb, bias=False)
        self.rbf2 = nn.Linear(s.basis_emb, s.hidden, bias=False)
        self.sbf1 = nn.Linear(s.spherical * s.radial, s.basis_emb, bias=False)
        self.sbf2 = nn.Linear(s.basis_emb, s.int_emb, bias=False)
        self.ji = nn.Linear(s.hidden, s.hidden)
        self.kj = nn.Linear(s.hidden, s.hidden)
        self.down = nn.Linear(s.hidden, s.int_emb, bias=False)
        self.up = nn.Linear(s.int_emb, s.hidden, bias=False)
        self.before = nn.Sequential(*(Residual(s.hidden) for _ in range(s.before_skip)))
        self.lin = nn.Linear(s.hidden, s.hidden)
        self.after = nn.Sequential(*(Residual(s.hidden) for _ in range(s.after_skip)))

    def forward(self, x: Tensor, rbf: Tensor, sbf: Tensor, y: Tensor, graph: Graph) -> Tensor:
        x_kj = F.silu(self.kj(x)) * self.rbf2(self.rbf1(rbf))
        x_kj = F.silu(self.down(x_kj)) * graph.weight[..., None]  # [N, K, int_emb]
        mix = (self.sbf2.weight @ self.sbf1.weight).view(-1, self.spherical, self.radial)  # [int_emb, L, radial]
        parts = [x_kj * (s @ mix[:, l].T) for l, s in enumerate(sbf.unbind(2))]
        at_j = angular_total(y, parts)  # for every bond that leaves j
        x_kj = gather(at_j.flatten(0, 1), graph.reverse) * graph.paired[..., None]  # seen by the edge j -> i
        h = F.silu(self.ji(x)) + F.silu(self.up(x_kj))
        return self.after(F.silu(self.lin(self.before(h))) + x)


class Output(nn.Module):
    """Messages -> a contribution to each atom's vector, [N, K, hidden] -> [N, out]."""

    def __init__(self, s: EncoderSettings, out: int) -> None:
        super().__init__()
        self.rbf = nn.Linear(s.radial, s.hidden, bias=False)
        self.up = nn.Linear(s.hidden, s.out_emb, bias=False)
        self.layers = nn.ModuleList(nn.Linear(s.out_emb, s.out_emb) for _ in range(s.output_layers))
        self.lin = nn.Linear(s.out_emb, out, bias=False)

    def forward(self, x: Tensor, rbf: Tensor, weight: Tensor) -> Tensor:
        x = self.up((self.rbf(rbf) * x * weight[..., None]).sum(1))
        for layer in self.layers:
            x = F.silu(layer(x))
        return self.lin(x)


class DimeNetPP(nn.Module):
    """(atom embeddings, batch, graph) -> one vector a crystal, [B, out], the mean over its atoms."""

    def __init__(self, s: EncoderSettings, cutoff: float, out: int) -> None:
        super().__init__()
        self.radial_basis = BesselBasis(s.radial, cutoff)
        self.spherical_basis = SphericalBesselBasis(s.spherical, s.radial, cutoff)
        self.l_max = s.spherical - 1
        self.embed_rbf = nn.Linear(s.radial, s.hidden)
        self.embed = nn.Linear(3 * s.hidden, s.hidden)
        self.interactions = nn.ModuleList(Interaction(s) for _ in range(s.blocks))
        self.outputs = nn.ModuleList(Output(s, out) for _ in range(s.blocks + 1))
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                orthogonal(layer)

    def forward(self, atoms: Tensor, batch: Batch, graph: Graph) -> Tensor:
        rbf = self.radial_basis(graph.distance)  # [N, K, radial]
        sbf = self.spherical_basis(graph.distance)
        y = spherical_harmonics(graph.unit, self.l_max)
        # the layer of (atom i, atom j, bond), its atom parts done an atom instead of a bond: K times less work
        of_i, of_j, of_bond = self.embed.weight.chunk(3, dim=1)
        x = F.linear(F.silu(self.embed_rbf(rbf)), of_bond, self.embed.bias)
        x = F.silu(
            x + gather(atoms @ of_j.T, graph.neighbour) + (atoms @ of_i.T)[:, None]
        )  # [N, K, hidden]: the message j -> i
        out = self.outputs[0](x, rbf, graph.weight)
        for interaction, output in zip(self.interactions, self.outputs[1:], strict=True):
            x = interaction(x, rbf, sbf, y, graph)
            out = out + output(x, rbf, graph.weight)
        # not in half precision; in double if the network is
        return scatter_mean(out if out.dtype == torch.float64 else out.float(), batch)
