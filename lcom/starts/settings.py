"""What the config says of the starts (`initial`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from lcom.base.settings import Key, Settings

Draw = Literal["any", "low"]


@dataclass(frozen=True)
class RandomSettings(Settings):
    """How random starts are drawn: volumes evenly between the two limits."""

    min_volume: Annotated[
        float, Key("smallest volume of the cell, in units of a guess from covalent radii", above=0)
    ] = 0.7
    max_volume: Annotated[float, Key("largest, in the same units", above=0)] = 1.6
    min_distance: Annotated[
        float,
        Key("no two atoms closer than this fraction of the sum of their covalent radii", minimum=0.5, maximum=1),
    ] = 0.75

    def contradictions(self) -> Iterator[tuple[str, str]]:
        if self.min_volume > self.max_volume:
            yield "min_volume", f"{self.min_volume} must be at most initial.max_volume ({self.max_volume})"


@dataclass(frozen=True)
class InitialSettings(RandomSettings):
    """Both kinds of starts."""

    draw: Annotated[
        Draw,
        Key(
            "which of the training crystals that fit a swapped start is drawn from. any: all (the paper's x ~ D). low: the lowest "
            "of each composition"
        ),
    ] = "any"
