"""How close decoded crystals are to those they should be, by the published metric; what several benchmarks share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lcom.crystal import Crystal
from lcom.matching import match_rmse


def rmses(found: Sequence[Crystal], wanted: Sequence[Crystal]) -> np.ndarray:
    """RMSE of each pair after the best superposition (lcom.matching.match_rmse), inf where there is none, [n]."""
    values = [match_rmse(b, a) for a, b in zip(found, wanted, strict=True)]
    return np.array([np.inf if value is None else value for value in values])
