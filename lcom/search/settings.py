"""What the config says of the prior methods (`search`) and of the energy model that they ask (`energy_model`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from lcom.base.settings import Key, Settings
from lcom.nets.settings import EncoderSettings

LENGTHS = (2.0, 30.0)  # Å, of the conventional cell, as published


@dataclass(frozen=True)
class EnergyModelSettings(Settings):
    """The network, what perturbs the crystals of its training, whose energies stay, and whether it learns forces."""

    encoder: Annotated[EncoderSettings, Key("DimeNet++, as in cdvae")] = EncoderSettings()
    cutoff: Annotated[float, Key("Å, longest edge of the graph", above=0)] = 7.0
    neighbours: Annotated[int, Key("edges per atom, the nearest ones", minimum=1)] = 20
    noise: Annotated[float, Key("Å, noise on the positions of the crystals in training", minimum=0)] = 0.05
    strain: Annotated[float, Key("standard deviation of the strain of their cells", minimum=0, below=0.2)] = 0.03
    slope_weight: Annotated[
        float,
        Key(
            "weight of the loss of forces and stresses, so that crystals can be relaxed with the model; those of the data set count "
            "as minima, and an embedded set has others, too. 0: energies alone",
            minimum=0,
        ),
    ] = 0.0

    def contradictions(self) -> Iterator[tuple[str, str]]:
        if self.slope_weight and (self.noise or self.strain):
            yield "slope_weight", "needs noise: 0 and strain: 0, as the forces of perturbed crystals are not known"
        if self.encoder.graph != "radius":
            yield "encoder.graph", "must be radius: a search makes crystals faster than CrystalNN finds bonds"


@dataclass(frozen=True)
class SpaceSettings(Settings):
    """The filters. Volumes are those of the cell over the volume of its atoms (spheres of the covalent radii) / 0.55."""

    min_distance: Annotated[
        float,
        Key(
            "no two atoms closer than this fraction of the sum of their covalent radii (published: 0.4)",
            above=0,
            maximum=1,
        ),
    ] = 0.75
    min_volume: Annotated[
        float, Key("smallest volume of the cell, in units of that of the atoms over 0.55", above=0)
    ] = 0.4
    max_volume: Annotated[
        float, Key("largest, in the same units (published: 2.4, which leaves graphite out)", above=0)
    ] = 3.0
    max_vacuum: Annotated[float, Key("Å, widest gap between layers of atoms", above=0)] = 7.0
    max_ratio: Annotated[
        float,
        Key(
            "largest ratio of the lengths of a conventional cell (published: 15)",
            above=1,
            maximum=LENGTHS[1] / LENGTHS[0],
        ),
    ] = 4.0

    def contradictions(self) -> Iterator[tuple[str, str]]:
        if self.min_volume > self.max_volume:
            yield "min_volume", f"{self.min_volume} must be at most search.space.max_volume ({self.max_volume})"


@dataclass(frozen=True)
class SwarmSettings(Settings):
    """Particle swarm (published weights: 0.8, 0.5, 0.5)."""

    particles: Annotated[int, Key("candidates a round", minimum=2)] = 200
    inertia: Annotated[float, Key("weight of a particle's velocity", minimum=0)] = 0.8
    cognitive: Annotated[float, Key("weight of the way to its own best place", minimum=0)] = 0.5
    social: Annotated[float, Key("weight of the way to the swarm's best place", minimum=0)] = 0.5


@dataclass(frozen=True)
class ParzenSettings(Settings):
    """Tree-structured Parzen estimator."""

    initial: Annotated[int, Key("random candidates at the start (published: 200)", minimum=1)] = 200
    batch: Annotated[int, Key("candidates a round", minimum=1)] = 50
    good: Annotated[int, Key("so many of the best make the density to draw from", minimum=1)] = 25
    draws: Annotated[
        int, Key("candidates drawn for each place in a round, of which the most promising is taken", minimum=1)
    ] = 24


@dataclass(frozen=True)
class SearchSettings(Settings):
    """What a search by the energy model depends on."""

    evaluations: Annotated[
        int,
        Key(
            "candidates that each method proposes for a compound and seed, those that a filter rejects included "
            "(published: 5200)",
            minimum=1,
        ),
    ] = 5200
    space: Annotated[SpaceSettings, Key("filters: a candidate that fails one is never asked for its energy")] = (
        SpaceSettings()
    )
    pso: Annotated[SwarmSettings, Key("particle swarm; its weights are those of DFT-PSO, too")] = SwarmSettings()
    bo: Annotated[ParzenSettings, Key("Bayesian optimisation: tree-structured Parzen estimator")] = ParzenSettings()


@dataclass(frozen=True)
class BudgetSettings(Settings):
    """The effort of DFT-PSO."""

    evaluations: Annotated[int, Key("energies by GPAW, for each compound and seed", minimum=1)] = 100
    particles: Annotated[int, Key("particles of the swarm", minimum=2)] = 20
    relax: Annotated[
        bool, Key("relax each candidate in its symmetry first; what counts is the energy of the minimum")
    ] = False


@dataclass(frozen=True)
class DftSwarmSettings(Settings):
    """What DFT-PSO depends on."""

    space: SpaceSettings = SpaceSettings()
    pso: SwarmSettings = SwarmSettings()
    dft_pso: BudgetSettings = BudgetSettings()
