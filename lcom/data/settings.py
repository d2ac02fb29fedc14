"""What the config says of cleaning and splitting a data set (`data`, `holdout`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from lcom.base.settings import Key, Settings

Holdout = Annotated[
    Literal["formula", "ground_state"],
    Key(
        "formula: no crystal of a benchmark composition is trained on. ground_state: only their ground states are left out"
    ),
]

HeldoutTables = Annotated[
    list[str],
    Key(
        "further tables of compounds, whose formulas neither training nor validation sees, such as data/validation.csv"
    ),
]


@dataclass(frozen=True)
class CleanSettings(Settings):
    """What is dropped."""

    max_atoms: Annotated[int, Key("larger primitive cells are dropped", minimum=1)] = 20
    max_rejected: Annotated[
        float,
        Key(
            "a data set of which more than this fraction of the rows is unreadable or lacks an energy is refused",
            minimum=0,
            maximum=1,
        ),
    ] = 0.05


@dataclass(frozen=True)
class DrawSettings(Settings):
    """The draw of the validation set."""

    val_fraction: Annotated[float, Key("fraction of the compositions kept for validation", above=0, below=1)] = 0.1
    seed: Annotated[int, Key("which compositions those are", minimum=0)] = 0


@dataclass(frozen=True)
class SplitSettings(DrawSettings):
    """The draw, and what neither training nor validation may see."""

    holdout: Holdout = "formula"
