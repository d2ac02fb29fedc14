"""Where the networks run."""

from __future__ import annotations

import torch


def pick_device(name: str) -> str:
    """auto -> cuda if there is one, else cpu."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("no CUDA device was found: run with --resources gpu=0, or on a machine with one")
    return name
