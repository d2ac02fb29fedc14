"""Mean and deviation for standardising, which a few absurd values cannot move."""

from __future__ import annotations

from torch import Tensor

TAIL = 1e-3  # of the values at either end


def mean_and_deviation(values: Tensor, smallest: float) -> tuple[Tensor, Tensor]:
    """[B, ...] -> two of [...]: values beyond the quantiles TAIL and 1 - TAIL count as these. The deviation is at least ``smallest``.

    Median and quartiles would not do: of most angles more than half are 90°, and their quartiles do not differ.
    """
    ordered = values.sort(0).values
    cut = int(TAIL * len(values))
    held = values.clamp(ordered[cut], ordered[-1 - cut])
    return held.mean(0), held.std(0).clamp(min=smallest)
