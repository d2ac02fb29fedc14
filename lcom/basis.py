"""Basis functions of edges and angles, and the sum over triplets that needs no triplets.

DimeNet++ and GemNet-dT weigh the message of one bond by a function of another bond of the same atom and of the angle
between them, linear in the Legendre polynomials of that angle. By the addition theorem,

    P_l(u · v) = 4 pi / (2 l + 1) sum_m Y_lm(u) Y_lm(v),

the sum over all pairs of an atom's K bonds factorises into one sum over the bonds: K (L + 1)² products an atom instead of
K², and no [N, K, K] tensor. It is exact, not an approximation.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.special import spherical_jn
from torch import Tensor, nn

from lcom.graph import envelope


def spherical_harmonics(u: Tensor, l_max: int) -> list[Tensor]:
    """Real spherical harmonics of unit vectors [..., 3], a tensor [..., 2 l + 1] for each l <= l_max.

    Scaled so that the product over m of two directions is sqrt((2 l + 1) / 4 pi) P_l(u · v), DimeNet's Y_l0 of the angle.
    """
    x, y, z = u.unbind(-1)
    # cos and sin parts of (x + i y)^m, and Legendre functions P_l^m / sin^m by the usual stable upward recursion
    re, im = [torch.ones_like(x)], [torch.zeros_like(x)]
    for _ in range(l_max):
        re, im = [*re, x * re[-1] - y * im[-1]], [*im, x * im[-1] + y * re[-1]]
    legendre: dict[tuple[int, int], Tensor] = {}
    for m in range(l_max + 1):
        legendre[m, m] = torch.full_like(x, float(np.prod(np.arange(1, 2 * m, 2))))
        for l in range(m + 1, l_max + 1):
            below = legendre[l - 2, m] if l - 2 >= m else 0.0
            legendre[l, m] = ((2 * l - 1) * z * legendre[l - 1, m] - (l + m - 1) * below) / (l - m)
    result = []
    for l in range(l_max + 1):
        scale = ((2 * l + 1) / (4 * math.pi)) ** 0.25
        parts = [legendre[l, 0] * scale]
        for m in range(1, l + 1):
            norm = scale * math.sqrt(2 * math.factorial(l - m) / math.factorial(l + m))
            parts += [legendre[l, m] * re[m] * norm, legendre[l, m] * im[m] * norm]
        result.append(torch.stack(parts, -1))
    return result


def angular_sum(harmonics: list[Tensor], messages: list[Tensor], sign: int = 1) -> list[Tensor]:
    """For every bond a of an atom, sum over its other bonds b != a of Y_l0(angle(a, b)) messages_l[b].

    harmonics: of the bonds' unit vectors, [N, K, 2 l + 1] for each l; messages: [N, K, C] for each l.
    sign = -1 takes the angle between u_a and -u_b (DimeNet's convention). Returns [N, K, C] for each l.
    """
    result = []
    for l, (y, x) in enumerate(zip(harmonics, messages, strict=True)):
        total = y @ (y.mT @ x)  # [N, K, 2l+1] @ [N, 2l+1, C]
        itself = math.sqrt((2 * l + 1) / (4 * math.pi)) * x
        result.append((total - itself) * sign**l)
    return result


def spherical_bessel(x: Tensor, l_max: int) -> list[Tensor]:
    """Spherical Bessel functions j_0 ... j_l_max of x > 0: upward recursion in float64, the power series where it is unstable."""
    x = x.double()
    recursion = [torch.sin(x) / x, torch.sin(x) / x**2 - torch.cos(x) / x]
    for l in range(1, l_max):
        recursion.append((2 * l + 1) / x * recursion[l] - recursion[l - 1])
    result = []
    for l in range(l_max + 1):
        factor = 1 / float(np.prod(np.arange(1, 2 * l + 2, 2)))
        term, series = torch.ones_like(x), torch.ones_like(x)
        for k in range(1, 8):
            term = term * (-(x**2) / 2) / (k * (2 * l + 1 + 2 * k))
            series = series + term
        result.append(torch.where(x < 1.0, factor * x**l * series, recursion[l]))
    return result


def bessel_zeros(l_max: int, count: int) -> np.ndarray:
    """The first ``count`` positive zeros of j_0 ... j_l_max, [l_max + 1, count]; those of j_l interlace those of j_(l-1)."""
    zeros = [np.arange(1, count + l_max + 1) * np.pi]
    for l in range(1, l_max + 1):
        above = zeros[-1]
        zeros.append(
            np.array([brentq(lambda x, n=l: spherical_jn(n, x), a, b) for a, b in zip(above, above[1:], strict=False)])
        )
    return np.stack([z[:count] for z in zeros])


class SphericalBesselBasis(nn.Module):
    """Radial part of DimeNet's two-dimensional basis (eq. 6): envelope · N_ln j_l(z_ln d / c), a [..., n_radial] for each l."""

    def __init__(self, n_spherical: int, n_radial: int, cutoff: float) -> None:
        super().__init__()
        self.cutoff = cutoff
        zeros = bessel_zeros(n_spherical - 1, n_radial)
        norm = np.stack([1 / np.sqrt(0.5 * spherical_jn(l + 1, z) ** 2) for l, z in enumerate(zeros)])
        self.register_buffer("zeros", torch.tensor(zeros), persistent=False)
        self.register_buffer("norm", torch.tensor(norm), persistent=False)

    def forward(self, distance: Tensor) -> list[Tensor]:
        x = distance / self.cutoff
        cut = (envelope(x) / x)[..., None]
        return [
            (self.norm[l] * spherical_bessel(x[..., None] * z, l)[l]).to(x.dtype) * cut
            for l, z in enumerate(self.zeros)
        ]


class GaussianBasis(nn.Module):
    """Gaussians on a regular grid of distances from 0 to the cutoff (GemNet's choice in CD-VAE), [...] -> [..., n_radial]."""

    def __init__(self, n_radial: int, cutoff: float) -> None:
        super().__init__()
        centres = torch.linspace(0, cutoff, n_radial)
        self.coefficient = -0.5 / float(centres[1] - centres[0]) ** 2
        self.register_buffer("centres", centres, persistent=False)

    def forward(self, distance: Tensor) -> Tensor:
        return torch.exp(self.coefficient * (distance[..., None] - self.centres).square())
