"""What the config says of the surrogate (`surrogate`) and of the descent on it (`optimise`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from lcom.base.settings import Key, Settings

StepSize = Annotated[
    float, Key("size of a step, times the root of the latent's size, in standard deviations of the latents", above=0)
]


@dataclass(frozen=True)
class SurrogateSettings(Settings):
    """The networks and what is minimised over them."""

    hidden: Annotated[int, Key("width of the two hidden layers", minimum=1)] = 512
    epochs: Annotated[int, Key("epochs over the latents of the training crystals", minimum=1)] = 40
    batch_size: Annotated[int, Key("latents in a batch", minimum=1)] = 128
    lr: Annotated[float, Key("learning rate of Adam", above=0)] = 3.0e-4
    tau: Annotated[
        float,
        Key(
            "how far below the data the descent may find energies, in standard deviations of the energy (lcoms only)",
            minimum=0,
        ),
    ] = 0.1
    inner_steps: Annotated[int, Key("steps of that descent in training", minimum=1)] = 10
    particle_step: Annotated[float, Key("size of these steps, times the root of the latent's size", above=0)] = 0.05
    alpha: Annotated[float, Key("weight of the conservative term at the start (lcoms only)", minimum=0)] = 1.0
    alpha_lr: Annotated[float, Key("learning rate of that weight", above=0)] = 0.01
    target: Annotated[
        Literal["energy_above", "excess", "formation_energy"],
        Key(
            "eV/atom. energy_above: above the composition's lowest crystal. excess: formation energy above what the composition "
            "alone lets one expect, for data sets with one crystal of most compositions. formation_energy: as it is"
        ),
    ] = "energy_above"
    composition: Annotated[bool, Key("condition on the composition")] = True


@dataclass(frozen=True)
class PathLength(Settings):
    """How far the descent of a method goes."""

    steps: Annotated[int, Key("steps of the descent", minimum=1)] = 100
    stop: Annotated[
        Literal["distance", "last"],
        Key("last: all steps. distance: the last step whose distance to the training latents is usual"),
    ] = "last"


@dataclass(frozen=True)
class OptimiseSettings(PathLength):
    """One descent."""

    step_size: StepSize = 0.05


@dataclass(frozen=True)
class DescentsSettings(Settings):
    """The descents of all methods and data sets (config section `optimise`)."""

    step_size: StepSize = OptimiseSettings.step_size
    lcoms: Annotated[PathLength, Key("on the conservative surrogate")] = PathLength()
    sl: Annotated[PathLength, Key("on that of supervised learning, which is wrong far from its data")] = PathLength(
        steps=50, stop="distance"
    )
    steps_of: Annotated[
        dict[str, Annotated[int, Key(minimum=1)]],
        Key("steps of single data sets, where they differ, for both methods: {oqmd: 10}"),
    ] = field(default_factory=dict)

    def of(self, method: str, dataset: str) -> OptimiseSettings:
        """The descent of a method, lcoms or sl, on a data set."""
        own: PathLength = getattr(self, method)
        return OptimiseSettings(self.steps_of.get(dataset, own.steps), own.stop, self.step_size)
