"""What the config says of the surrogate (`surrogate`), of the descent on it (`optimise`) and of the columns of Table 1 (`methods`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

from lcom.base.settings import Key, Settings
from lcom.cdvae.settings import Choice, DecodeSettings, SamplerSettings, Samples

Steps = Annotated[int, Key("steps of the descent; 0: none", minimum=0)]
Stop = Annotated[
    Literal["distance", "last"],
    Key("last: all steps. distance: the last step whose distance to the training latents is usual"),
]
Latent = Annotated[
    Literal["start", "prior"],
    Key(
        "what the descent begins from. start: the latent of a start. prior: a draw from the normal distribution, no start"
    ),
]
StepSize = Annotated[
    float, Key("size of a step, times the root of the latent's size, in standard deviations of the latents", above=0)
]
Encoding = Annotated[
    Literal["mean", "sample"],
    Key(
        "the latent of a start, a Gaussian to the encoder. mean: its mean. sample: a draw from it (eq. 5 of the paper)"
    ),
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
class MethodSettings(Settings):
    """A column of Table 1 (an entry of config section `methods`)."""

    label: Annotated[
        str,
        Key(
            "what the tables and figures call it; empty: its name",
            pattern="[^|]*",
            allowed="text without a vertical bar",
        ),
    ] = ""
    kind: Annotated[
        Literal["descent", "many", "analogue", "mlp"],
        Key(
            "descent: in latent space, if only by 0 steps, and decode. many: the same from many training crystals, atoms swapped, the "
            "lowest as `choice` says. analogue: the lowest crystal of the training composition that is most alike, atoms swapped; no "
            "network, no start. mlp: symmetric random structures relaxed by CHGNet, the lowest; nothing learned from the data set"
        ),
    ] = "descent"
    surrogate: Annotated[
        Literal["none", "lcoms", "sl"],
        Key("what is descended, and may choose: none, the conservative one, or supervised learning's"),
    ] = "none"
    steps: Steps = 0
    stop: Stop = "last"
    latent: Latent = "start"
    samples: Samples = 8
    choice: Choice = "latent"
    draws: Annotated[int, Key("many: training crystals to begin from. mlp: structures that are relaxed", minimum=1)] = 1
    decoded: Annotated[int, Key("many: ends of the descents that are decoded, the lowest", minimum=1)] = 1

    def contradictions(self) -> Iterator[tuple[str, str]]:
        if self.kind == "many" and self.surrogate == "none":
            yield "surrogate", "must be lcoms or sl for kind many, which decodes the lowest ends by it"
        if self.kind == "many" and self.choice == "latent":
            yield "choice", "must be energy or energy_model for kind many, which keeps the lowest crystal"
        if self.kind not in ("many", "mlp") and self.draws > 1:
            yield "draws", f"must be 1 for kind {self.kind}, which has one start of each compound and seed"
        if self.kind == "descent" and self.surrogate == "none":
            if self.steps:
                yield "steps", "must be 0 without a surrogate: there is nothing to descend on"
            if self.choice == "energy":
                yield (
                    "choice",
                    "must be latent or energy_model without a surrogate: there is no latent's energy to choose by",
                )

    def decoding(self, sampler: SamplerSettings) -> DecodeSettings:
        """How the column decodes."""
        return DecodeSettings(**vars(sampler), samples=self.samples, choice=self.choice)


def on(surrogate: Literal["lcoms", "sl"]) -> MethodSettings:
    """The paper's descent on a surrogate, a hundred steps; the lowest of the decodings."""
    return MethodSettings({"lcoms": "LCOMs", "sl": "SL"}[surrogate], surrogate=surrogate, steps=100, choice="energy")


MANY = 128  # starts, which with their decodings take about the seconds of BO
METHODS = {  # name -> what it is, and the column
    "lcoms": ("descent on the conservative surrogate", on("lcoms")),
    "sl": ("supervised learning, as in the paper: as many steps, no rule to stop", on("sl")),
    "sl_stopped": (
        "stopped before it leaves the data",
        MethodSettings("SL stopped", surrogate="sl", steps=50, stop="distance", choice="energy"),
    ),
    "cdvae": ("encode and decode", MethodSettings("CD-VAE")),
    "cdvae_prior": ("decode a draw from the prior, from no start", MethodSettings("CD-VAE prior", latent="prior")),
    "choice": (
        "control: what LCOMs gain beyond it the descent has earned",
        MethodSettings("no step", surrogate="lcoms", choice="energy"),
    ),
    "lcoms_many": (
        "what LCOMs find in the seconds of a search",
        MethodSettings(
            "LCOMs many", "many", "lcoms", steps=100, samples=1, choice="energy", draws=MANY, decoded=MANY // 4
        ),
    ),
    "analogue": ("control: a look into the training data", MethodSettings("analogue", kind="analogue")),
    "mlp": ("control: what people do today", MethodSettings("CHGNet", kind="mlp", draws=20)),
}
TAKEN = {"start", "ras", "pso", "bo", "dft_pso", "path", "predict"}  # folders beside those of the columns


@dataclass(frozen=True)
class MethodsSection(Settings):
    """The columns of Table 1 that begin from crystals or latents; those of `search` are beside them."""

    columns: Annotated[
        dict[str, MethodSettings],
        Key(
            "the columns, by name",
            rest=True,
            flow=True,
            entries={name: text for name, (text, _) in METHODS.items()},
            example="far: {surrogate: lcoms, steps: 300} # one of your own; `sl_stopped: null` leaves a column out",
        ),
    ] = field(default_factory=lambda: {name: method for name, (_, method) in METHODS.items()})

    def descent_on(self, surrogate: Literal["lcoms", "sl"]) -> MethodSettings:
        """The column that stands for descents on a surrogate, in figures and predictions: the one of its name, or the first that descends
        on it, whatever order files of a config are merged in; the paper's where there is none."""
        columns = [self.columns[surrogate]] if surrogate in self.columns else list(self.columns.values())
        fitting = (m for m in columns if (m.kind, m.surrogate, m.latent) == ("descent", surrogate, "start") and m.steps)
        return next(fitting, on(surrogate))

    def contradictions(self) -> Iterator[tuple[str, str]]:
        if not self.columns:
            yield "", "no column is left: keep one"
        for name in self.columns:
            if name in TAKEN or not re.fullmatch("[a-z][a-z0-9_]*", name):
                yield (
                    name,
                    "is no name for a column: take small letters, digits and _, with a letter first, and none of "
                    + (", ".join(sorted(TAKEN))),
                )


@dataclass(frozen=True)
class OptimiseSettings(Settings):
    """One descent."""

    steps: Steps = 100
    stop: Stop = "last"
    step_size: StepSize = 0.05
    latent: Latent = "start"
    encoding: Encoding = "mean"


@dataclass(frozen=True)
class DescentsSettings(Settings):
    """What all descents have in common (config section `optimise`)."""

    step_size: StepSize = OptimiseSettings.step_size
    encoding: Encoding = OptimiseSettings.encoding
    steps_of: Annotated[
        dict[str, Annotated[int, Key(minimum=1)]],
        Key("steps on single data sets, where they differ, of every column that takes any: {oqmd: 10}"),
    ] = field(default_factory=dict)

    def of(self, method: MethodSettings, dataset: str) -> OptimiseSettings:
        """The descent of a column on a data set."""
        steps = self.steps_of.get(dataset, method.steps) if method.steps else 0
        return OptimiseSettings(steps, method.stop, self.step_size, method.latent, self.encoding)
