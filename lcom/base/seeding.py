"""Random numbers that depend on names alone: the same keys give the same numbers on every machine and in any order."""

from __future__ import annotations

import hashlib
import json

import numpy as np


def generator(*keys: str | int) -> np.random.Generator:
    """A generator of its own for the keys, such as (stage, compound, seed). ("a", 1) and ("a", "1") differ."""
    digest = hashlib.sha256(json.dumps(keys).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))
