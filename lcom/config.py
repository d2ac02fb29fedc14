"""The whole config as one typed object: every key, what it means, its default and its limits stand here or in the rooms' settings.py.

    python -m lcom.config            says whether config.yaml, config/schema.yaml and docs/config.md are as these classes have them
    python -m lcom.config --write    writes them

Snakefile parses its config into a `Config` before anything else. That needs neither torch nor any other package of a stage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from lcom.base.settings import Key, Settings
from lcom.cdvae.settings import CDVAESettings, SamplerSettings
from lcom.compounds import parse_formula
from lcom.data.catalogue import CATALOGUE
from lcom.data.settings import CleanSettings, DrawSettings, HeldoutTables, Holdout, SplitSettings
from lcom.data.sources.settings import SourceSettings
from lcom.dft.settings import DftSettings
from lcom.nets.settings import TrainingSettings
from lcom.prediction.settings import PredictSettings
from lcom.report.settings import FiguresSettings, Judge
from lcom.search.settings import BudgetSettings, EnergyModelSettings, SearchSettings
from lcom.starts.settings import InitialSettings
from lcom.surrogate.settings import DescentsSettings, MethodsSection, SurrogateSettings

# folders beside those of the data sets
TAKEN = {
    "initial",
    "reference",
    "candidates",
    "energies",
    "figures",
    "logs",
    "benchmarks",
    "relaxed",
    "prototypes_regenerated",
}


@dataclass(frozen=True)
class DataSection(DrawSettings, CleanSettings):
    """What is kept of a data set, how it is split, and the data sets."""

    heldout_tables: HeldoutTables = field(default_factory=list)
    sources: Annotated[
        dict[str, SourceSettings],
        Key(
            "the data sets, by name",
            rest=True,
            entries={name: text for name, (text, _) in CATALOGUE.items()},
            example="mine: {kind: own, file: data/mine.csv, energy: formation_energy_per_atom} # crystals of your own "
            "(docs/running.md)",
        ),
    ] = field(default_factory=lambda: {name: source for name, (_, source) in CATALOGUE.items()})

    def contradictions(self) -> Iterator[tuple[str, str]]:
        for name, source in self.sources.items():
            single = sorted(key for key, other in self.sources.items() if other.kind != "union")
            if wrong := sorted(set(source.of) - set(single)):
                yield f"{name}.of", f"{', '.join(wrong)}: a union is of data sets that are none: {', '.join(single)}"


@dataclass(frozen=True)
class CDVAESection(CDVAESettings):
    """The auto-encoder and its training."""

    training: Annotated[
        TrainingSettings, Key("stops at the last epoch, or before it when it no longer gets better")
    ] = TrainingSettings()

    def contradictions(self) -> Iterator[tuple[str, str]]:
        yield from super().contradictions()
        if self.strain and self.training.teacher_forcing < 1:
            yield "training.teacher_forcing", "must be 1 with cdvae.strain, which gives the decoder wrong cells anyway"


@dataclass(frozen=True)
class EnergyModelSection(EnergyModelSettings):
    """The energy model and its training."""

    training: Annotated[TrainingSettings, Key("as in cdvae")] = TrainingSettings(epochs=25, lr=2.0e-3)


@dataclass(frozen=True)
class DftPsoSection(BudgetSettings):
    """DFT-PSO and what it is run for."""

    compounds: Annotated[list[str], Key("formulas of the table to run it for: hours each")] = field(
        default_factory=list
    )


@dataclass(frozen=True)
class SearchSection(SearchSettings):
    """The prior methods."""

    methods: Annotated[
        list[Literal["ras", "pso", "bo"]],
        Key("with the energy model: random search, particle swarm, Bayesian optimisation. []: none"),
    ] = field(default_factory=lambda: ["ras", "pso", "bo"])
    dft_pso: Annotated[DftPsoSection, Key("the particle swarm with GPAW's energies")] = DftPsoSection()

    def contradictions(self) -> Iterator[tuple[str, str]]:
        for method, name, first in (("bo", "initial", self.bo.initial), ("pso", "particles", self.pso.particles)):
            if method in self.methods and self.evaluations <= first:
                key = f"search.{method}.{name}"
                text = f"must be more than {key} ({first}), or {method} would be a random search; lower {key}, or take "
                yield "evaluations", f"{text}{method} out of search.methods"


@dataclass(frozen=True)
class DftSection(DftSettings):
    """The level of theory, and how the work is divided and kept, which changes no number."""

    per_job: Annotated[
        int,
        Key(
            "compounds whose energies one job calculates; relaxations, which take longer, an eighth. 0: 8, and more if that would make "
            "more than 160 jobs a column",
            minimum=0,
        ),
    ] = 0
    cache: Annotated[
        str,
        Key(
            "folder of the energies and steps of relaxations that are done, which several runs may share; empty: .cache in `results`. "
            "none: forgotten when a run has ended well",
            pattern=r"|none|/?[\w.-]+(/[\w.-]+)*",
            allowed="a path without blanks, or none",
        ),
    ] = ""


@dataclass(frozen=True)
class Config(Settings):
    """Everything that a run depends on."""

    datasets: Annotated[
        list[
            Annotated[
                str,
                Key(
                    pattern="[a-z][a-z0-9_-]*", allowed="a name of small letters, digits, _ and -, with a letter first"
                ),
            ]
        ],
        Key("names under `data`; each becomes a group of columns of Table 1", filled=True),
    ] = field(default_factory=lambda: ["prototypes"])
    compounds: Annotated[
        str,
        Key(
            "the table of benchmark compounds with their known ground states; bring your own",
            pattern=".+",
            allowed="the path of a CSV table",
        ),
    ] = "data/compounds.csv"
    only: Annotated[list[str], Key("formulas of that table to run, such as [MgO, Si]; empty: all")] = field(
        default_factory=list
    )
    seeds: Annotated[
        int, Key("random starts for each compound, numbered from 0; also the number of surrogates", minimum=1)
    ] = 3
    starts: Annotated[
        list[Literal["relaxed", "dataset"]],
        Key(
            "what the columns of `methods` begin from. relaxed: a random crystal, relaxed with GPAW, which costs most of a run. "
            "dataset: a training crystal with its atoms swapped",
            filled=True,
        ),
    ] = field(default_factory=lambda: ["relaxed", "dataset"])
    judges: Annotated[
        list[Judge],
        Key(
            "tables that a whole run makes. found: of the structures as they are. relaxed: after a short relaxation by CHGNet, too "
            "(relaxed/table1.csv)",
            filled=True,
        ),
    ] = field(default_factory=lambda: ["found"])
    results: Annotated[
        str,
        Key(
            "folder of everything this run writes, in the project or absolute: /scratch/me/lcom",
            pattern=r"/?(?!\.\.(/|$))[\w.-]+(/(?!\.\.(/|$))[\w.-]+)*",
            allowed="the path of a folder, without `..` and blanks; one outside the project begins with /",
        ),
    ] = "results"
    holdout: Holdout = SplitSettings.holdout
    data: Annotated[DataSection, Key("the data sets, what is kept of them, and the split")] = field(
        default_factory=DataSection
    )
    cdvae: Annotated[CDVAESection, Key("the auto-encoder: crystal -> latent -> crystal")] = CDVAESection()
    surrogate: Annotated[SurrogateSettings, Key("the energy as a function of latent and composition")] = (
        SurrogateSettings()
    )
    energy_model: Annotated[
        EnergyModelSection, Key("the formation energy by a graph network, which the methods of `search` ask")
    ] = EnergyModelSection()
    search: Annotated[
        SearchSection,
        Key(
            "the prior methods (Cheng et al. 2022): space group, Wyckoff positions, cell and coordinates for the lowest energy"
        ),
    ] = field(default_factory=SearchSection)
    initial: Annotated[
        InitialSettings, Key("how the starts are drawn; the sizes are of the random crystals that are relaxed")
    ] = InitialSettings()
    methods: Annotated[
        MethodsSection,
        Key(
            "the columns of Table 1: what each descends on, how far, and how it chooses what it decodes to (docs/config.md)"
        ),
    ] = field(default_factory=MethodsSection)
    optimise: Annotated[DescentsSettings, Key("gradient descent on a surrogate; how far is said in `methods`")] = field(
        default_factory=DescentsSettings
    )
    decode: Annotated[SamplerSettings, Key("the sampler that turns latents into crystals")] = SamplerSettings()
    predict: Annotated[
        PredictSettings,
        Key("crystals for any formula: snakemake --cores 2 results/prototypes/predictions/TiO2.md"),
    ] = field(default_factory=PredictSettings)
    figures: Annotated[
        FiguresSettings,
        Key("Figures 2 and 4 of the paper: GPAW energies of what a descent passes, decoded at some of its steps"),
    ] = field(default_factory=FiguresSettings)
    dft: Annotated[
        DftSection,
        Key("GPAW with plane waves, non-magnetic: one level of theory for every energy that is compared"),
    ] = DftSection()

    @property
    def all_datasets(self) -> list[str]:
        """The data sets of the run and those that they are unions of."""
        parts = [part for name in self.datasets for part in self.data.sources[name].of]
        return list(dict.fromkeys([*self.datasets, *parts]))

    def contradictions(self) -> Iterator[tuple[str, str]]:
        known = sorted(self.data.sources)
        for key, names in (("datasets", self.datasets), ("optimise.steps_of", list(self.optimise.steps_of))):
            if unknown := sorted(set(names) - set(known)):
                yield key, f"unknown data set {', '.join(unknown)}; `data` in the config has {', '.join(known)}"
        if set(self.datasets) <= set(known) and (taken := sorted(TAKEN & set(self.all_datasets))):
            yield "datasets", f"{', '.join(taken)} is the name of a folder of every run: take another"
        for name in sorted(set(self.datasets) & set(known)):
            parts = sorted(set(self.data.sources[name].of) & set(known))
            levels = dict.fromkeys(self.data.sources[part].level or part for part in parts)
            if len(levels) > 1 and self.surrogate.target == "formation_energy":
                text = f"{name} has energies of several levels of theory ({', '.join(levels)}), which do not compare: "
                yield "surrogate.target", text + "set energy_above or excess"
        if self.decode.strain_steps and not self.cdvae.strain:
            yield "decode.strain_steps", "needs a model trained with cdvae.strain; set decode.strain_steps to 0"
        for formula in self.figures.compounds:
            try:
                parse_formula(formula)
            except ValueError as error:
                yield "figures.compounds", str(error)


def main() -> None:
    from lcom.base.describe import reference, schema, yaml_text

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the files that differ")
    args = parser.parse_args()
    root, config = Path(__file__).resolve().parents[1], Config()
    texts = {
        "config.yaml": yaml_text(config),
        "config/schema.yaml": schema(config),
        "docs/config.md": reference(config),
    }
    stale = {name: text for name, text in texts.items() if not _is(root / name, text)}
    for name, text in stale.items():
        if args.write:
            (root / name).write_text(text, encoding="utf-8")
    print("\n".join(f"{name}: {'written' if args.write else 'out of step'}" for name in stale) or "all in step")
    sys.exit(1 if stale and not args.write else 0)


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    main()
