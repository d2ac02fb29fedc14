"""What earns the success? Every column of the config's `methods` on compositions that a run was not trained on, judged by CHGNet.

    python benchmarks/attribution.py results/prototypes [--seeds 3] [--configfile config/quickstart.yaml] [--config '{"methods": {…}}']
        [--compounds data/validation.csv]

The compositions are those of the run's validation set, or those of a table of compounds that it was not trained on. Each column begins
from the same swapped training crystals, one a seed. Printed are the share of the structures that are strict (at most 25 meV/atom above the
known ground state relaxed by CHGNet, and RMSE < 0.1), mean and standard deviation over the seeds; and the share of the compositions that
are right, or lower in energy, after a relaxation by CHGNet: of one structure, and of the lowest of one a seed. Controls: of a column that
chooses by energy a second line has the decoding closest to the latent; of many starts, further lines have no step, and the other judge.
The analogue has no chance: its further structures are those of the next compositions; it stands also at the volume that the energy model
finds lowest, as what that chooses of many starts does. CHGNet's own column is left out: it is the judge.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from columns import Chain, energies, read_config
from matching import rmses

from lcom.base.device import prepare_device
from lcom.base.seeding import generator
from lcom.base.tensors import load_tensors
from lcom.batch import unpack
from lcom.candidates import no_crystal
from lcom.cdvae.model import CDVAE
from lcom.compounds import load_compounds
from lcom.config import Config
from lcom.crystal import Crystal, reduced_counts
from lcom.data.generator.potential import Potential
from lcom.data.generator.relaxation import relax
from lcom.data.packed import Dataset
from lcom.matching import SAME_RMSE
from lcom.prediction.many import Many
from lcom.prediction.networks import Trained
from lcom.prediction.run_folder import ENERGY_MODEL
from lcom.search.energy_model import EnergyModel
from lcom.search.settle import settled
from lcom.starts.lookup import analogues
from lcom.starts.swapped import draw, fitting, lowest
from lcom.starts.volume import fit_volumes
from lcom.surrogate.coms import SURROGATES, Surrogate, fit
from lcom.surrogate.settings import MethodSettings

STRICT = 0.025  # eV/atom
LOWER = 0.001  # eV/atom: so far below the known ground state is another minimum, and no noise
MAX_ATOMS = 8


def compositions(train: Dataset, val: Dataset, table: Path | None) -> list[Crystal]:
    """The lowest known crystal of each composition that is not trained on and that a training crystal can be swapped into."""
    if table is None:
        known = [c for c, above in zip(unpack(val.batch), val.energy_above.tolist(), strict=True) if above == 0]
    else:
        known = [compound.crystal() for compound in load_compounds(table)]
    trained = {reduced_counts(crystal.numbers) for crystal in unpack(train.batch)}
    once = {reduced_counts(c.numbers): c for c in known if len(c) <= MAX_ATOMS}
    return [c for counts, c in once.items() if counts not in trained and len(fitting(train.batch, c.numbers))]


class Judge:
    """Against the known crystals, relaxed. Structures come seed by seed: [seeds, compositions]."""

    def __init__(self, known: Sequence[Crystal]) -> None:
        self.potential = Potential()
        relaxed = relax(list(known), self.potential)
        self.known, self.energy = [r.crystal for r in relaxed], np.array([r.energy for r in relaxed])

    def above(self, crystals: Sequence[Sequence[Crystal]]) -> tuple[np.ndarray, np.ndarray]:
        """Energies above the known crystals in eV/atom, and RMSE."""
        above = [energies(self.potential, own) - self.energy for own in crystals]
        return np.array(above), np.array([rmses(own, self.known) for own in crystals])

    def relaxed(self, crystals: Sequence[Sequence[Crystal]]) -> tuple[np.ndarray, np.ndarray]:
        """Energies above the known crystals after a relaxation, inf where it went wrong; and whether that is right, or lower."""
        flat = relax([crystal for own in crystals for crystal in own], self.potential)
        n = len(self.known)
        parts = [flat[k : k + n] for k in range(0, len(flat), n)]
        above = np.array([[r.energy if r.ok else np.inf for r in part] for part in parts]) - self.energy
        rmse = np.array([rmses([r.crystal for r in part], self.known) for part in parts])
        return above, ((above <= STRICT) & (rmse < SAME_RMSE)) | (above < -LOWER)

    def line(self, name: str, crystals: Sequence[Sequence[Crystal]], chance: bool = True) -> str:
        above, rmse = self.above(crystals if chance else crystals[:1])
        strict = ((above <= STRICT) & (rmse < SAME_RMSE)).mean(1)
        spread = f" ± {strict.std(ddof=1):.2f}" if len(strict) > 1 else ""
        after, right = self.relaxed(crystals)
        one = (right if chance else right[:1]).mean()
        best = right[after.argmin(0), np.arange(len(self.known))].mean()
        cells = [f"{strict.mean():.2f}{spread}", f"{1000 * np.median(above):.0f}", f"{one:.2f}", f"{best:.2f}"]
        return f"| {name:22} | " + " | ".join(f"{cell:^12}" for cell in cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of a data set in a run")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--configfile", type=Path)
    parser.add_argument("--config", default="{}", help="JSON of what differs")
    parser.add_argument("--compounds", type=Path, help="a table, in place of the run's validation set")
    args = parser.parse_args()
    prepare_device("cpu")
    config = read_config(args.configfile, args.config)
    model = CDVAE.load(args.folder / "cdvae/model.safetensors")
    train, val = (Dataset.load(args.folder / f"{part}.safetensors") for part in ("train", "val"))
    latents, _ = load_tensors(args.folder / "latents.safetensors")
    energy_model = EnergyModel.load(args.folder / ENERGY_MODEL) if (args.folder / ENERGY_MODEL).is_file() else None
    surrogates = {name: surrogate_of(args.folder, name, args.seeds, config.surrogate, latents) for name in SURROGATES}

    known = compositions(train, val, args.compounds)
    judge, volumes, seeds = Judge(known), fit_volumes(train.batch), range(args.seeds)
    starts = []
    for seed in seeds:
        for crystal in known:
            fits = fitting(train.batch, crystal.numbers)
            fits = lowest(train, fits) if config.initial.draw == "low" else fits
            rng = generator("swap", seed, crystal.formula)
            starts.append(draw(train.batch, fits, crystal.numbers, volumes, rng))
    chain = Chain(model, latents, starts, np.repeat(seeds, len(known)).tolist())

    def by_seed(crystals: Sequence[Crystal]) -> list[Sequence[Crystal]]:
        return [crystals[k : k + len(known)] for k in range(0, len(crystals), len(known))]

    print(f"{len(known)} compositions, {args.seeds} seeds; draw: {config.initial.draw}\n")
    heads = ["strict", "median, meV", "relaxed, 1", f"lowest of {args.seeds}"]
    print(f"| {'':22} | " + " | ".join(f"{head:^12}" for head in heads) + " |\n|" + "---|" * 5)
    print(judge.line("start", by_seed(starts)), flush=True)
    for name, column in config.methods.columns.items():
        label = column.label or name
        if column.kind == "analogue":
            found = [analogues(train, [crystal.numbers], volumes, args.seeds) for crystal in known]
            ranks = [[own[min(rank, len(own) - 1)] for own in found] for rank in seeds]
            print(judge.line(label, ranks, chance=False), flush=True)
            if energy_model is not None:
                flat = [crystal for own in ranks for crystal in own]
                at_rest = [crystal for crystal, _ in settled(energy_model, flat)]
                print(judge.line(f"{label}, at rest", by_seed(at_rest), chance=False), flush=True)
            continue
        if column.kind == "mlp":
            continue
        if column.kind == "many":
            for said, many in many_starts(args.folder, label, column, config).items():
                asked = [(crystal.formula, crystal.numbers) for crystal in known]
                crystals = [
                    no_crystal(numbers) if isinstance(lowest, str) else lowest.crystal
                    for seed in seeds
                    for (_, numbers), lowest in zip(asked, many.find(asked, seed), strict=True)
                ]
                print(judge.line(said, by_seed(crystals)), flush=True)
            continue
        variants = {label: column}
        if column.choice != "latent" and column.samples > 1 and column.steps:
            variants[f"{label}, closest"] = dataclasses.replace(column, choice="latent")
        for said, variant in variants.items():
            surrogate = surrogates.get(variant.surrogate)
            crystals, _ = chain.run(variant, config, args.folder.name, surrogate, energy_model)
            print(judge.line(said, by_seed(crystals)), flush=True)


def many_starts(folder: Path, label: str, column: MethodSettings, config: Config) -> dict[str, Many]:
    """A column of kind many, and its controls: the same without a step, and with the other judge of the decodings."""
    trained, optimise = Trained.load(folder, "cpu"), config.optimise.of(column, folder.name)
    surrogate = Surrogate.load(folder / f"surrogate/{column.surrogate}.safetensors")
    networks = dataclasses.replace(trained.networks, surrogate=surrogate)
    made = partial(
        Many, networks, trained.train, fit_volumes(trained.train.batch), decoding=column.decoding(config.decode),
        draws=column.draws, decoded=column.decoded,
    )  # fmt: skip
    still = dataclasses.replace(optimise, steps=0)
    judges = {"surrogates": None}
    if trained.energy_model is not None:
        judges["energy model"] = trained.energy_model
    return {
        f"{label}, by {judge}{said}": made(descent=descent, energy_model=model)
        for judge, model in judges.items()
        for said, descent in {"": optimise, ", no step": still}.items()
    }


def surrogate_of(folder: Path, name: str, seeds: int, settings, latents) -> Surrogate:
    """The run's own, if it has so many seeds; else trained here, in a minute."""
    path = folder / f"surrogate/{name}.safetensors"
    if path.is_file() and (found := Surrogate.load(path)).sizes[2] >= seeds:
        return found
    torch.manual_seed(0)
    parts = [tuple(latents[f"{part}_{key}"] for key in ("z", "c", settings.target)) for part in ("train", "val")]
    return fit(name, settings, *parts, seeds)[0]


if __name__ == "__main__":
    main()
