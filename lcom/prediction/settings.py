"""What the config says of predictions for any formula (`predict`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from lcom.base.settings import Key, Settings


@dataclass(frozen=True)
class PredictSettings(Settings):
    """How many structures are tried and kept."""

    formula_units: Annotated[
        list[Annotated[int, Key(minimum=1)]], Key("formula units in a cell; each is tried", filled=True)
    ] = field(default_factory=lambda: [1, 2, 3, 4])
    starts: Annotated[
        int, Key("training crystals with swapped atoms to begin from, at most, for each of these", minimum=1)
    ] = 32
    alike: Annotated[
        float,
        Key(
            "the fraction of these that is not drawn: the lowest crystals of the compositions that are most alike",
            minimum=0,
            maximum=1,
        ),
    ] = 0.5
    look_up: Annotated[
        int,
        Key(
            "so many of these crystals, atoms swapped, are candidates themselves, beside what descents find", minimum=0
        ),
    ] = 24
    search: Annotated[
        int,
        Key(
            "so many candidates of a particle swarm with the energy model in each cell of up to 8 atoms; the lowest 16 of each are "
            "candidates, too. 0: none",
            minimum=0,
        ),
    ] = 1000
    keep: Annotated[
        int, Key("distinct structures, the first in the order of `lcom predict`, that GPAW is asked about", minimum=1)
    ] = 6
