"""Basis functions of edges and angles, and the sum over triplets that needs no triplets.

DimeNet++ and GemNet-dT weigh the message of one bond by a function of another bond of the same atom and of the angle
between them, linear in the Legendre polynomials of that angle. By the addition theorem,

    P_l(u · v) = 4 pi / (2 l + 1) sum_m Y_lm(u) Y_lm(v),

the sum over all pairs of an atom's K bonds factorises into one sum over the bonds: K (L + 1)² products an atom instead of
K², and no [N, K, K] tensor. It is exact, not an approximation.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from lcom.nets.graph import envelope, gather


def spherical_harmonics(u: Tensor, l_max: int) -> Tensor:
    """Real spherical harmonics of unit vectors [..., 3] -> [..., (l_max + 1)²], l by l (see ``by_degree``), m = 0, cos 1, sin 1, cos 2 ...

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
        result.append(legendre[l, 0] * scale)
        for m in range(1, l + 1):
            norm = scale * math.sqrt(2 * math.factorial(l - m) / math.factorial(l + m))
            result += [legendre[l, m] * re[m] * norm, legendre[l, m] * im[m] * norm]
    return torch.stack(result, -1)


def by_degree(y: Tensor) -> tuple[Tensor, ...]:
    """Harmonics [..., (L + 1)²] -> views [..., 2 l + 1] for each l."""
    return y.split([2 * l + 1 for l in range(math.isqrt(y.shape[-1]))], -1)


def self_products(l_max: int) -> Tensor:
    """Y_l · Y_l of a direction with itself, sqrt((2 l + 1) / 4 pi), [l_max + 1]."""
    return torch.sqrt((2 * torch.arange(l_max + 1, dtype=torch.float64) + 1) / (4 * math.pi))


def angular_sum(y: Tensor, messages: Tensor) -> Tensor:
    """For every bond a of an atom and every l: the sum over its other bonds b != a of Y_l0(angle(a, b)) messages[b].

    y: harmonics of the bonds' unit vectors, [N, K, (L + 1)²]; messages [N, K, C]. Returns [N, K, L + 1, C].
    """
    moments = y.mT @ messages  # [N, (L + 1)², C]
    sizes = [2 * l + 1 for l in range(math.isqrt(y.shape[-1]))]
    pairs = zip(by_degree(y), moments.split(sizes, 1), strict=True)
    total = torch.stack([a @ b for a, b in pairs], 2)
    itself = self_products(len(sizes) - 1).to(messages)
    return total.addcmul_(itself[:, None], messages[:, :, None], value=-1)  # in place: half of the memory traffic


def angular_total(y: Tensor, messages: list[Tensor]) -> Tensor:
    """For every bond a of an atom, the sum over l and its other bonds b != a of Y_l0(pi - angle(a, b)) messages_l[b], [N, K, C].

    y as above; messages: [N, K, C] for each l. DimeNet's angle is the one between a and the bond b turned round.
    """
    pairs = enumerate(zip(by_degree(y), messages, strict=True))
    moments = torch.cat([(a.mT @ x) * (-1) ** l for l, (a, x) in pairs], 1)  # [N, (L + 1)², C]
    total = y @ moments
    for l, (itself, x) in enumerate(zip(self_products(len(messages) - 1).tolist(), messages, strict=True)):
        total = total.sub_(x, alpha=itself * (-1) ** l)
    return total


def spherical_bessel(l: int, x: np.ndarray) -> np.ndarray:
    """j_l(x) for x > 0 and l up to 10, in float64, without SciPy, which a GPU node may lack."""
    above = [np.sin(x) / x, np.sin(x) / x**2 - np.cos(x) / x]
    for n in range(1, l):
        above.append((2 * n + 1) / x * above[-1] - above[-2])
    result = above[l]
    # where x < l the recurrence above loses all digits: the power series, of which no term is large there
    near = x[x < l]
    if near.size:
        term = near**l / np.prod(np.arange(1.0, 2 * l + 2, 2))
        below = term.copy()
        for k in range(1, 40):
            term *= -(near**2) / (2 * k * (2 * k + 2 * l + 1))
            below += term
        result[x < l] = below
    return result


def bessel_zeros(l_max: int, count: int) -> np.ndarray:
    """The first ``count`` positive zeros of j_0 ... j_l_max, [l_max + 1, count]; those of j_l interlace those of j_(l-1)."""
    zeros = [np.arange(1, count + l_max + 1) * np.pi]
    for l in range(1, l_max + 1):
        low, high = zeros[-1][:-1], zeros[-1][1:]
        left = spherical_bessel(l, low) > 0
        for _ in range(60):  # bisection, to the last digit
            middle = (low + high) / 2
            same = (spherical_bessel(l, middle) > 0) == left
            low, high = np.where(same, middle, low), np.where(same, high, middle)
        zeros.append((low + high) / 2)
    return np.stack([z[:count] for z in zeros])


class BesselBasis(nn.Module):
    """DimeNet's radial basis (eq. 7 and 8): envelope · sin(f_n d / c), f_n = n pi at first and learned, [...] Å -> [..., n_radial]."""

    def __init__(self, n_radial: int, cutoff: float) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.freq = nn.Parameter(math.pi * torch.arange(1.0, n_radial + 1))

    def forward(self, distance: Tensor) -> Tensor:
        x = distance / self.cutoff
        return (envelope(x) / x)[..., None] * torch.sin(self.freq * x[..., None])


class SphericalBesselBasis(nn.Module):
    """Radial part of DimeNet's two-dimensional basis (eq. 6): envelope · N_ln j_l(z_ln d / c), [...] -> [..., L, n_radial].

    Read from a table of ``POINTS`` distances, linearly: within 1e-5 of the functions (float32 itself has 1e-6) at a tenth of their cost.
    """

    table: Tensor  # [points, L, n_radial]

    POINTS = 8192
    NEAREST = 0.01  # of the cutoff; the envelope's 1 / x has no value at 0

    def __init__(self, n_spherical: int, n_radial: int, cutoff: float) -> None:
        super().__init__()
        self.cutoff = cutoff
        # a copy: averaging of weights writes into buffers
        self.register_buffer("table", torch.tensor(self.functions(n_spherical, n_radial)), persistent=False)

    @classmethod
    @cache
    def functions(cls, n_spherical: int, n_radial: int) -> np.ndarray:
        """The table, which depends on no cutoff, [POINTS, L, n_radial] float32."""
        x = np.linspace(cls.NEAREST, 1, cls.POINTS)
        cut = (envelope(torch.from_numpy(x)).numpy() / x)[:, None]
        table = [
            cut * spherical_bessel(l, x[:, None] * z) / np.sqrt(0.5 * spherical_bessel(l + 1, z) ** 2)
            for l, z in enumerate(bessel_zeros(n_spherical - 1, n_radial))
        ]
        return np.stack(table, 1).astype(np.float32)

    def forward(self, distance: Tensor) -> Tensor:
        step = (1 - self.NEAREST) / (self.POINTS - 1)
        place = ((distance / self.cutoff).clamp(self.NEAREST, 1) - self.NEAREST) / step
        below = place.long().clamp(max=self.POINTS - 2)
        return torch.lerp(
            gather(self.table, below), gather(self.table, below + 1), (place - below)[..., None, None].to(self.table)
        )


class GaussianBasis(nn.Module):
    """Gaussians on a regular grid of distances from 0 to the cutoff (GemNet's choice in CD-VAE), [...] -> [..., n_radial]."""

    centres: Tensor

    def __init__(self, n_radial: int, cutoff: float) -> None:
        super().__init__()
        centres = torch.linspace(0, cutoff, n_radial)
        # of base 2: on the CPU exp takes fifty times as long as exp2 where it underflows, as most Gaussians do
        self.coefficient = -0.5 / float(centres[1] - centres[0]) ** 2 / math.log(2)
        self.register_buffer("centres", centres, persistent=False)

    def forward(self, distance: Tensor) -> Tensor:
        return torch.exp2(self.coefficient * (distance[..., None] - self.centres).square())
