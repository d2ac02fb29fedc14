"""What the config says of the tables (`judges`) and of Figures 2 and 4 (`figures`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from lcom.base.settings import Key, Settings

Judge = Literal["found", "relaxed"]  # structures as they are, or after a relaxation by CHGNet


@dataclass(frozen=True)
class FiguresSettings(Settings):
    """Which descents are shown, and at which steps."""

    compounds: Annotated[
        list[str],
        Key("formulas, of which the figures have those of this run; if there is none, neither figure is made"),
    ] = field(default_factory=lambda: ["MgO", "SrS"])
    start: Annotated[
        Literal["dataset", "relaxed"],
        Key("dataset: a training crystal with its atoms swapped. relaxed: the random start relaxed with GPAW"),
    ] = "dataset"
    steps: Annotated[
        list[Annotated[int, Key(minimum=0)]],
        Key("steps at which the descent is decoded; it goes to the last of them", filled=True),
    ] = field(default_factory=lambda: [0, 10, 25, 50, 100, 200])
    taus: Annotated[
        list[Annotated[float, Key(minimum=0)]],
        Key("values of surrogate.tau that Figure 4 compares, from more to less conservative"),
    ] = field(default_factory=lambda: [0.05, 0.1, 0.5])
    unseen: Annotated[
        int,
        Key(
            "compositions of the validation part in the lower half of Figure 3, judged by CHGNet (the paper: 83); 0: none",
            minimum=0,
        ),
    ] = 83
