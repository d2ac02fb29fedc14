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
    keep: Annotated[
        int,
        Key(
            "distinct structures, the lowest by the energy model, that GPAW is asked about; as many are looked up and ranked with them",
            minimum=1,
        ),
    ] = 6
