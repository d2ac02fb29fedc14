"""The CD-VAE as others write it, to time ours beside: PyG's own DimeNet++ blocks as the encoder, one term for each triplet in the decoder.

Same graphs, sizes and losses; but no sum over triplets is factorised (each has its message and its angle, as in the published codes), and
layers of two atoms and their bond take all three once a bond. tests/nets compare the blocks' values; here they are timed.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn.models.dimenet import InteractionPPBlock, OutputPPBlock

from lcom.batch import Batch
from lcom.cdvae.model import CDVAE
from lcom.nets.basis import BesselBasis, SphericalBesselBasis, angular_sum, by_degree, spherical_harmonics
from lcom.nets.gemnet import EdgeDense, Triplets, both_ways
from lcom.nets.graph import Graph, gather, scatter_mean
from lcom.nets.settings import EncoderSettings


class PlainDimeNet(nn.Module):
    """As lcom.nets.dimenet.DimeNetPP: (atoms, batch, graph) -> [B, out]."""

    def __init__(self, s: EncoderSettings, cutoff: float, out: int) -> None:
        super().__init__()
        self.l_max = s.spherical - 1
        self.radial, self.spherical = BesselBasis(s.radial, cutoff), SphericalBesselBasis(s.spherical, s.radial, cutoff)
        self.embed_rbf, self.embed = nn.Linear(s.radial, s.hidden), nn.Linear(3 * s.hidden, s.hidden)
        sizes = (s.hidden, s.int_emb, s.basis_emb, s.spherical, s.radial, s.before_skip, s.after_skip, F.silu)
        self.interactions = nn.ModuleList(InteractionPPBlock(*sizes) for _ in range(s.blocks))
        self.outputs = nn.ModuleList(
            OutputPPBlock(s.radial, s.hidden, s.out_emb, out, s.output_layers, F.silu) for _ in range(s.blocks + 1)
        )

    def forward(self, atoms: Tensor, batch: Batch, graph: Graph) -> Tensor:
        n, k = graph.neighbour.shape
        i, j = torch.arange(n).repeat_interleave(k), graph.neighbour.reshape(-1)
        rbf = self.radial(graph.distance).flatten(0, 1)
        x = torch.cat([atoms[i], atoms[j], F.silu(self.embed_rbf(rbf))], -1)
        x = F.silu(self.embed(x))
        bonds = torch.arange(n * k).view(n, k)
        kj = bonds[j]  # of the bond j -> i all k -> j, [n * k, k]
        other = kj != graph.reverse.view(-1, 1)
        ji = torch.arange(n * k)[:, None].expand_as(kj)[other]
        kj = kj[other]
        unit = graph.unit.flatten(0, 1)
        cosine = (unit[ji] * unit[kj]).sum(-1)
        radial = self.spherical(graph.distance).flatten(0, 1)[kj]  # [T, L, radial]
        sbf = (radial * legendre(cosine, self.l_max)[..., None]).flatten(1)
        result = self.outputs[0](x, rbf, i, n)
        for interaction, output in zip(self.interactions, self.outputs[1:], strict=True):
            x = interaction(x, rbf, sbf, kj, ji)
            result = result + output(x, rbf, i, n)
        return scatter_mean(result, batch)


def legendre(cosine: Tensor, l_max: int) -> Tensor:
    """Y_l0 of angles, [..., L + 1]."""
    values = [torch.ones_like(cosine), cosine]
    for l in range(1, l_max):
        values.append(((2 * l + 1) * cosine * values[-1] - l * values[-2]) / (l + 1))
    scale = torch.tensor([math.sqrt((2 * l + 1) / (4 * math.pi)) for l in range(l_max + 1)])
    return torch.stack(values[: l_max + 1], -1) * scale


def triplet_sum(y: Tensor, messages: Tensor) -> Tensor:
    """As lcom.nets.basis.angular_sum: of every bond its triplets' messages [N * K, K, C] and angles."""
    n, k, width = messages.shape
    direction = by_degree(y)[1]
    cosine = direction @ direction.mT * math.sqrt(4 * math.pi / 3)
    angles = legendre(cosine, math.isqrt(y.shape[-1]) - 1) * (1 - torch.eye(k))[..., None]
    heard = messages.index_select(0, torch.arange(n).repeat_interleave(k))
    return (angles.reshape(n * k, k, -1).mT @ heard).view(n, k, -1, width)


class PlainEdgeDense(EdgeDense):
    """As lcom.nets.gemnet.EdgeDense."""

    def forward(self, h: Tensor, m: Tensor, neighbour: Tensor) -> Tensor:
        source = gather(h, neighbour)
        return self.dense(torch.cat([source, h[:, None].expand_as(source), m], -1))


class PlainTriplets(Triplets):
    """As lcom.nets.gemnet.Triplets."""

    def forward(self, m: Tensor, rbf: Tensor, cbf: Tensor, y: Tensor, graph: Graph) -> Tensor:
        x = self.down(self.ba(m) * self.rbf(rbf)) * graph.weight[..., None]
        x = self.bilinear((cbf @ triplet_sum(y, x)).flatten(2)) * self.scale
        return both_ways(self.up_ca(x), self.up_ac(x), graph)


def plain(model: CDVAE) -> CDVAE:
    """A copy of the model as others write it. An AssertionError if its decoder sums anything else."""
    other, s = copy.deepcopy(model), model.settings
    other.encoder = PlainDimeNet(s.encoder, s.cutoff, s.head_hidden)
    for part in other.decoder.modules():
        part.__class__ = {Triplets: PlainTriplets, EdgeDense: PlainEdgeDense}.get(type(part), type(part))
    generator = torch.Generator().manual_seed(0)
    y = spherical_harmonics(F.normalize(torch.randn(5, 9, 3, generator=generator), dim=-1), 6)
    messages = torch.randn(5, 9, 4, generator=generator)
    torch.testing.assert_close(triplet_sum(y, messages), angular_sum(y, messages), rtol=1e-4, atol=1e-4)
    return other
