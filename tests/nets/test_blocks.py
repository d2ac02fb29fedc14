"""The parts of DimeNet against PyG's."""

from __future__ import annotations

import torch
from torch.nn import functional as F
from torch_geometric.nn.inits import glorot_orthogonal
from torch_geometric.nn.models.dimenet import BesselBasisLayer, ResidualLayer

from lcom.nets.blocks import BesselBasis, Residual, orthogonal_


def test_the_bessel_basis_is_the_same_and_smooth_at_the_cutoff() -> None:
    ours, theirs = BesselBasis(6, 7.0), BesselBasisLayer(6, 7.0, envelope_exponent=5)
    assert torch.equal(ours.freq, theirs.freq) and ours.state_dict().keys() == theirs.state_dict().keys()
    distance = torch.linspace(0.3, 8, 500, dtype=torch.float64)
    torch.testing.assert_close(ours(distance), theirs(distance), rtol=0, atol=1e-5)
    near = torch.tensor([6.99, 7.0, 7.01], dtype=torch.float64, requires_grad=True)
    values = ours(near)
    (slope,) = torch.autograd.grad(values.sum(), near)
    assert values.abs().max() < 1e-6 and slope.abs().max() < 1e-3


def test_the_same_initial_weights_and_the_same_sum() -> None:
    torch.manual_seed(0)
    theirs = ResidualLayer(16, F.silu)
    torch.manual_seed(0)
    ours = Residual(16)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=1e-6)
    x = torch.randn(3, 16)
    torch.testing.assert_close(ours(x), theirs(x))


def test_orthogonal_weights_have_the_variance() -> None:
    torch.manual_seed(0)
    theirs = torch.empty(5, 9)
    glorot_orthogonal(theirs, 2.0)
    torch.manual_seed(0)
    ours = torch.empty(5, 9)
    orthogonal_(ours)
    torch.testing.assert_close(ours, theirs)
    assert abs(float(ours.var()) - 2 / 14) < 1e-6
