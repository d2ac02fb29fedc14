"""CHGNet's energy and its gradient, with CHGNet's weights in a third of the operations.

The first linear layer of every message acts on joined features, W [a; e; b] = W_a a + W_e e + W_b b: here each part is
multiplied once for an atom or a bond, not once for a message that it is in. Bonds too long for angles keep their first
features in all layers, so that one product with the radial basis serves all of them. Bonds are stored once for both
directions. What is summed up is the same, to rounding (tests: against CHGNet's own prediction).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import linear, silu

if TYPE_CHECKING:
    from chgnet.model.functions import MLP, GatedMLP
    from chgnet.model.model import CHGNet

WIDTH = 64  # of the features of atoms, bonds and angles


@dataclass(frozen=True)
class Bonds:
    """Crystals as bonds, each once; those shorter than the bond cutoff, S of them, come first.

    numbers [N] int64 · owner [N] the crystal of each atom · sizes [B] atoms of each crystal · ends [2, U] the two atoms of a
    bond · vectors [U, 3] Å, from the first to the second · centre [A] the atom of an angle · sides [2, A] the directed
    short bonds of an angle: u is short bond u from its first atom, S + u the same from its second
    """

    numbers: Tensor
    owner: Tensor
    sizes: Tensor
    ends: Tensor
    vectors: Tensor
    n_short: int
    centre: Tensor
    sides: Tensor


class _Sum(torch.autograd.Function):
    """Rows of values [M, D] summed by owner [M] -> [n, D]; its gradient is a look-up."""

    @staticmethod
    def forward(ctx, values: Tensor, owner: Groups) -> Tensor:
        ctx.owner = owner
        return owner.total(values)

    @staticmethod
    def backward(ctx, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0].index_select(0, ctx.owner.index), None


class _Take(torch.autograd.Function):
    """Rows of table [n, D] by owner [M] -> [M, D]; its gradient is a sum."""

    @staticmethod
    def forward(ctx, table: Tensor, owner: Groups) -> Tensor:
        ctx.owner = owner
        return table.index_select(0, owner.index)

    @staticmethod
    def backward(ctx, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.owner.total(gradients[0]), None


class Groups:
    """Which of n rows each of M messages belongs to, sorted once for all sums."""

    def __init__(self, index: Tensor, n: int) -> None:
        self.index = index  # [M]
        self.order = torch.argsort(index, stable=True)
        counts = torch.bincount(index, minlength=n)
        self.first = torch.cumsum(counts, 0) - counts  # [n]

    def total(self, values: Tensor) -> Tensor:
        """[M, D] -> [n, D]."""
        return torch.embedding_bag(values, self.order, self.first, mode=0)[0]


def _take(table: Tensor, owner: Groups) -> Tensor:
    return _Take.apply(table, owner)


def _sum(values: Tensor, owner: Groups) -> Tensor:
    return _Sum.apply(values, owner)


class Network:
    """CHGNet without its graphs: from `Bonds` to energies and their gradient."""

    def __init__(self, model: CHGNet) -> None:
        self.model = model
        embedding = torch.cat([model.bond_embedding.weight, model.bond_weights_ag.weight])  # [128, radial]
        self.atom_layers = [_Messages(layer.twoBody_atom, layer.mlp_out) for layer in model.atom_conv_layers]
        self.bond_layers = [_Messages(layer.twoBody_bond, layer.mlp_out) for layer in model.bond_conv_layers]
        self.angle_layers = [_Gated(layer.twoBody_bond) for layer in model.angle_layers]
        # one product with the radial basis: first features, weights, and the part of every layer's message
        through = [layer.first[:, WIDTH : 2 * WIDTH] @ model.bond_embedding.weight for layer in self.atom_layers]
        self.radial = torch.cat([embedding, *through]).contiguous()  # [128 + 128 * layers, radial]

    def __call__(self, bonds: Bonds) -> tuple[Tensor, Tensor]:
        """Energies without the sum over elements, [B] eV/atom, and the gradient of their sum times sizes, [U, 3] eV/Å."""
        vectors = bonds.vectors.detach().requires_grad_(True)
        energies = self._energies(bonds, vectors)
        (gradient,) = torch.autograd.grad((energies * bonds.sizes).sum(), vectors)
        return energies.detach(), gradient

    def _energies(self, bonds: Bonds, vectors: Tensor) -> Tensor:
        model, short, n_bonds = self.model, bonds.n_short, len(vectors)
        lengths = vectors.norm(dim=1)
        encoder = model.bond_basis_expansion
        bases = linear(encoder.rbf_expansion_ag(lengths), self.radial)
        first, weight, *parts = bases.split([WIDTH, WIDTH, *[2 * WIDTH] * len(self.atom_layers)], 1)
        directed = torch.cat([bonds.ends, bonds.ends.flip(0)], 1)  # [2, 2U] centre, neighbour
        centre, neighbour = (Groups(index, len(bonds.numbers)) for index in directed)
        weight = weight.repeat(2, 1)
        atoms = model.atom_embedding(bonds.numbers - 1)
        bent = len(bonds.centre) > 0
        if bent:
            angles = _Angles(self, bonds, vectors[:short], lengths[:short], first[:short])
        for index, layer in enumerate(self.atom_layers):
            message = parts[index]
            if bent and index:
                change = linear(angles.bonds - first[:short], layer.first[:, WIDTH : 2 * WIDTH])
                message = (
                    torch.cat([message[:short] + change, message[short:]]) if short < n_bonds else message + change
                )
            own, other = linear(atoms, layer.ends, layer.ends_bias).split(2 * WIDTH, 1)
            hidden = _take(own, centre).add_(_take(other, neighbour))
            hidden = (hidden.view(2, n_bonds, 2 * WIDTH) + message).view(2 * n_bonds, 2 * WIDTH)
            atoms = atoms + linear(_sum(layer.gate(silu(hidden)) * weight, centre), layer.out)
            if bent and index < len(self.bond_layers):
                angles.update(index, atoms)
        atoms = model.readout_norm(atoms)
        site = model.mlp(atoms)[:, 0]
        return site.new_zeros(len(bonds.sizes)).index_add(0, bonds.owner, site) / bonds.sizes


class _Angles:
    """The features of short bonds and of the angles between them on their way through the layers."""

    def __init__(self, network: Network, bonds: Bonds, vectors: Tensor, lengths: Tensor, features: Tensor) -> None:
        model, self.network = network.model, network
        self.bonds = features  # [S, 64]
        self.centre = Groups(bonds.centre, len(bonds.numbers))
        sides = bonds.sides % bonds.n_short
        self.side, self.other = (Groups(side, bonds.n_short) for side in sides)
        units = vectors / lengths[:, None]
        units = torch.cat([units, -units])
        one, two = (_take(units, Groups(side, len(units))) for side in bonds.sides)
        self.angles = linear(model.angle_basis_expansion(one, two), model.angle_embedding.weight)  # [A, 64]
        weight = linear(model.bond_basis_expansion.rbf_expansion_bg(lengths), model.bond_weights_bg.weight)
        self.weight = _take(weight, self.side) * _take(weight, self.other)

    def update(self, index: int, atoms: Tensor) -> None:
        layer = self.network.bond_layers[index]
        hidden = silu(self._joined(layer, atoms))
        self.bonds = self.bonds + linear(_sum(layer.gate(hidden) * self.weight, self.side), layer.out)
        if index + 1 < len(self.network.bond_layers):  # nothing reads the angles after the last bonds
            layer = self.network.angle_layers[index]
            self.angles = self.angles + layer.norm(*self._joined(layer, atoms).split(WIDTH, 1))

    def _joined(self, layer: _Gated, atoms: Tensor) -> Tensor:
        """The first linear layer of joined features: side, other side, angle and centre. [A, 128]"""
        one, two, angle, centre = layer.first.split(WIDTH, 1)
        joined = linear(self.angles, angle, layer.first_bias)
        joined += _take(linear(self.bonds, one), self.side)
        joined += _take(linear(self.bonds, two), self.other)
        return joined.add_(_take(linear(atoms, centre), self.centre))


class _Gated:
    """A gated perceptron of one layer, core and gate side by side."""

    def __init__(self, module: GatedMLP) -> None:
        self.parts = [
            [layer for layer in part.layers if isinstance(layer, torch.nn.Linear)]
            for part in (module.mlp_core, module.mlp_gate)
        ]
        self.first = torch.cat([part[0].weight for part in self.parts])  # [128, joined]
        self.first_bias = torch.cat([part[0].bias for part in self.parts])
        self.norms = module.bn1, module.bn2

    def norm(self, core: Tensor, gate: Tensor) -> Tensor:
        """[M, 64] of each -> [M, 64]: normed and multiplied."""
        return silu(self.norms[0](core)) * torch.sigmoid(self.norms[1](gate))


class _Messages(_Gated):
    """One of two layers, and the layer that their sum goes through."""

    def __init__(self, module: GatedMLP, out: MLP) -> None:
        super().__init__(module)
        self.second = [(part[-1].weight, part[-1].bias) for part in self.parts]
        self.out = out.layers[-1].weight
        own, other = self.first[:, :WIDTH], self.first[:, -WIDTH:]
        self.ends = torch.cat([own, other])  # of an atom's message: what the centre gives, what the neighbour
        self.ends_bias = torch.cat([self.first_bias, torch.zeros_like(self.first_bias)])

    def gate(self, hidden: Tensor) -> Tensor:
        """[M, 128] -> [M, 64]: the second layer of both, normed and multiplied."""
        return self.norm(*(linear(h, *s) for h, s in zip(hidden.split(WIDTH, 1), self.second, strict=True)))
