"""Initial weights of linear layers: drawn, unless a file has the weights."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import nn

_IN_A_FILE = ContextVar("weights are in a file", default=False)


@contextmanager
def weights_in_a_file() -> Generator[None]:
    """For networks that are made in order to be read from a file: no orthogonal weights are drawn, which takes longer than to read them."""
    token = _IN_A_FILE.set(True)
    try:
        yield
    finally:
        _IN_A_FILE.reset(token)


def orthogonal(layer: nn.Linear) -> None:
    """DimeNet's, by PyG: torch's own shrink the signal at every layer until all polymorphs look alike."""
    if _IN_A_FILE.get():
        return
    from torch_geometric.nn.inits import glorot_orthogonal  # takes three seconds, more than most predictions

    glorot_orthogonal(layer.weight, scale=2.0)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def unit_variance(layer: nn.Linear) -> None:
    """GemNet's, of a layer without bias: rows of unit length times 1/sqrt(n_in) of the inputs, so that what comes out has the
    variance of what goes in."""
    if _IN_A_FILE.get():
        return
    nn.init.orthogonal_(layer.weight)
    with torch.no_grad():
        layer.weight *= math.sqrt(max(layer.weight.shape) / layer.in_features)
