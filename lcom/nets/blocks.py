"""Parts of DimeNet that its networks are built of (Gasteiger et al. 2020, arXiv 2003.03123).

They equal PyG's, initial weights too (tests/nets/test_blocks.py). Importing PyG costs four seconds, most of a prediction.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ENVELOPE = 6  # p of eq. 8: so many derivatives less one vanish at the cutoff


class BesselBasis(nn.Module):
    """Distances [...] Å -> [..., count]: eq. 7 with the envelope of eq. 8; the frequencies are learned."""

    def __init__(self, count: int, cutoff: float) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.freq = nn.Parameter(math.pi * torch.arange(1.0, count + 1))

    def forward(self, distance: Tensor) -> Tensor:
        x = distance[..., None] / self.cutoff
        p = ENVELOPE
        falling = 1 / x - x ** (p - 1) * ((p + 1) * (p + 2) / 2 - p * (p + 2) * x + p * (p + 1) / 2 * x * x)
        return falling * (x < 1) * (self.freq * x).sin()


class Residual(nn.Module):
    """x + f(x) with two layers, [..., width] -> the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lin1, self.lin2 = nn.Linear(width, width), nn.Linear(width, width)
        for layer in (self.lin1, self.lin2):
            orthogonal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + F.silu(self.lin2(F.silu(self.lin1(x))))


@torch.no_grad()
def orthogonal_(weight: Tensor, scale: float = 2.0) -> None:
    """Fill a matrix [out, in] with orthogonal rows or columns, whose variance becomes scale / (in + out), as Glorot's."""
    nn.init.orthogonal_(weight)
    weight *= (scale / (sum(weight.shape) * weight.var())).sqrt()
