"""Basis functions against scipy, and the factorised sum over triplets against the plain one."""

import math

import numpy as np
import torch
from scipy.special import eval_legendre, sph_harm_y, spherical_jn

from lcom.nets.basis import (
    BesselBasis,
    GaussianBasis,
    SphericalBesselBasis,
    angular_sum,
    angular_total,
    bessel_zeros,
    by_degree,
    spherical_bessel,
    spherical_harmonics,
)
from lcom.nets.graph import envelope

L_MAX = 6


def _directions(*shape: int) -> torch.Tensor:
    u = torch.randn(*shape, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return u / u.norm(dim=-1, keepdim=True)


def test_spherical_harmonics_equal_scipy() -> None:
    u = _directions(50)
    theta, phi = np.arccos(u[:, 2].numpy()), np.arctan2(u[:, 1].numpy(), u[:, 0].numpy())
    for l, ours in enumerate(by_degree(spherical_harmonics(u, L_MAX))):
        scale = (4 * math.pi / (2 * l + 1)) ** 0.25
        for m in range(l + 1):
            y = sph_harm_y(l, m, theta, phi) * (-1) ** m * scale  # without the Condon-Shortley phase
            if m == 0:
                np.testing.assert_allclose(ours[:, 0], y.real, atol=1e-12)
            else:
                np.testing.assert_allclose(ours[:, 2 * m - 1], y.real * math.sqrt(2), atol=1e-12)
                np.testing.assert_allclose(ours[:, 2 * m], y.imag * math.sqrt(2), atol=1e-12)


def test_addition_theorem() -> None:
    u, v = _directions(40)[:20], _directions(40)[20:]
    for l, (a, b) in enumerate(
        zip(by_degree(spherical_harmonics(u, L_MAX)), by_degree(spherical_harmonics(v, L_MAX)), strict=True)
    ):
        expected = math.sqrt((2 * l + 1) / (4 * math.pi)) * eval_legendre(l, (u * v).sum(-1).numpy())
        np.testing.assert_allclose((a * b).sum(-1), expected, atol=1e-12)


def _plain(u: torch.Tensor, messages: torch.Tensor, l: int, sign: int) -> torch.Tensor:
    """The sum over triplets of one l as it is defined, [N, K, C]."""
    n, k, width = messages.shape
    result = torch.zeros(n, k, width, dtype=torch.float64)
    for a in range(k):
        for b in range(k):
            if b != a:  # only the very same edge is left out: another image of the same atom counts
                cosine = sign * (u[:, a] * u[:, b]).sum(-1).numpy()
                y = torch.tensor(math.sqrt((2 * l + 1) / (4 * math.pi)) * eval_legendre(l, cosine))
                result[:, a] += y[:, None] * messages[:, b]
    return result


def test_angular_sums_equal_the_sum_over_triplets() -> None:
    u = _directions(3, 7)
    y = spherical_harmonics(u, L_MAX)
    messages = torch.randn(L_MAX + 1, 3, 7, 4, dtype=torch.float64)
    each = angular_sum(y, messages[0])
    for l in range(L_MAX + 1):
        torch.testing.assert_close(each[:, :, l], _plain(u, messages[0], l, 1))
    plain = torch.stack([_plain(u, messages[l], l, -1) for l in range(L_MAX + 1)]).sum(0)
    torch.testing.assert_close(angular_total(y, list(messages)), plain)


def test_spherical_bessel_functions_equal_scipy() -> None:
    x = np.concatenate([np.geomspace(1e-3, 60, 5000), np.arange(1, 11), np.arange(1, 11) - 1e-9])
    for l in range(11):
        expected = spherical_jn(l, x)
        np.testing.assert_allclose(spherical_bessel(l, x), expected, rtol=1e-11, atol=1e-15)


def test_spherical_bessel_basis_equals_its_formula() -> None:
    distance = torch.linspace(0.1, 7.2, 3001)
    basis = SphericalBesselBasis(7, 6, 7.0)(distance)
    x = distance.double().numpy() / 7
    for l, zeros in enumerate(bessel_zeros(6, 6)):
        norm = 1 / np.sqrt(0.5 * spherical_jn(l + 1, zeros) ** 2)
        cut = (envelope(distance.double() / 7).numpy() / x)[:, None]
        np.testing.assert_allclose(basis[:, l], cut * norm * spherical_jn(l, x[:, None] * zeros), rtol=1e-4, atol=2e-5)


def test_bessel_zeros() -> None:
    zeros = bessel_zeros(L_MAX, 6)
    assert zeros.shape == (7, 6) and (np.diff(zeros, axis=1) > 2.5).all()
    for l, z in enumerate(zeros):
        np.testing.assert_allclose(spherical_jn(l, z), 0, atol=1e-12)


def test_spherical_bessel_basis_equals_pyg() -> None:
    from torch_geometric.nn.models.dimenet import SphericalBasisLayer

    distance = torch.linspace(0.6, 6.9, 60)
    theirs = SphericalBasisLayer(7, 6, 7.0, envelope_exponent=5)
    angle = torch.zeros(60)
    reference = theirs(distance, angle, torch.arange(60)).view(60, 7, 6)
    for l, ours in enumerate(SphericalBesselBasis(7, 6, 7.0)(distance).unbind(1)):
        expected = reference[:, l] / math.sqrt((2 * l + 1) / (4 * math.pi))
        # PyG's closed forms cancel in float32 for high l at short distance; ours do not
        far = distance > (0.6 if l < 4 else 2.5)
        torch.testing.assert_close(ours[far], expected[far], rtol=5e-3, atol=5e-4)


def test_bessel_basis_equals_pyg() -> None:
    from torch_geometric.nn.models.dimenet import BesselBasisLayer

    ours, theirs = BesselBasis(6, 7.0), BesselBasisLayer(6, 7.0, envelope_exponent=5)
    assert {key: x.tolist() for key, x in ours.state_dict().items()} == {
        key: x.tolist() for key, x in theirs.state_dict().items()
    }
    learned = torch.linspace(2.9, 19.3, 6)  # no multiples of pi
    for basis in (ours, theirs):
        basis.load_state_dict({"freq": learned})
    distance = torch.linspace(0.3, 8, 501)[:, None].expand(-1, 3)
    torch.testing.assert_close(ours(distance), theirs(distance), rtol=0, atol=2e-5)
    ours.load_state_dict({"freq": math.pi * torch.arange(1.0, 7)})
    near = torch.tensor([6.99, 7.0, 7.01], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(ours(near).sum(), near)
    assert ours(near).abs().max() < 1e-6 and slope.abs().max() < 1e-3


def test_gaussian_basis() -> None:
    basis = GaussianBasis(15, 7.0)(torch.tensor([0.0, 3.5, 7.0]))
    assert basis.argmax(-1).tolist() == [0, 7, 14] and basis.max() == 1


def test_what_one_basis_writes_into_its_table_no_other_sees() -> None:
    """Averaging of weights writes into buffers: a second training in a process would begin from what the first one left."""
    first = SphericalBesselBasis(3, 4, 5.0)
    before = first.table.clone()
    first.table.mul_(2)
    assert torch.equal(SphericalBesselBasis(3, 4, 5.0).table, before)
