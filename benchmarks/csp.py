"""Structure prediction by the published metric (MP-20: match rate of one and of 20 samples; METRe) on crystals of a run's validation set.

    python benchmarks/csp.py results/mp/mp --ids mp20/ [--limit 500] [--tries 20] [--seed 0]

Of each crystal the atoms are given, how many of which element, and nothing else; its composition was not trained on. Samples:

- prior: latents of the prior, decoded, as structure prediction by a CD-VAE is published;
- look-up: the lowest crystals of the training compositions most alike, atoms swapped, no network;
- no step, LCOMs, SL: the look-ups encoded, descended no step or as far as in Table 1, and decoded once.

One: the first sample. Surrogate's, energy model's: the one that it finds lowest, of which no answer has to be known (the surrogate: LCOMs',
but for SL's own samples). Best: the closest. match: share of the crystals that StructureMatcher finds alike (ltol 0.3, stol 0.5,
angle_tol 10); RMSE: mean over these, in units of (volume per atom)^(1/3). METRe, cRMSE (arXiv 2509.12178): share of the crystals that any
sample of their composition matches, and the mean RMSE of the best, where stol stands for a crystal that nothing matches. No sample is
left out for its composition or its shortest distance. CPU seconds are those of the networks.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from columns import evenly, read_config
from matching import rmses

from lcom.base.device import prepare_device
from lcom.batch import Batch, pack, select, unpack
from lcom.cdvae.decoding import decode
from lcom.cdvae.model import CDVAE
from lcom.cdvae.settings import DecodeSettings
from lcom.crystal import Crystal, reduced_counts
from lcom.data.packed import Dataset
from lcom.matching import SAME_RMSE, WIDE
from lcom.physical import unphysical
from lcom.prediction.run_folder import ENERGY_MODEL
from lcom.search.energy_model import EnergyModel
from lcom.starts.lookup import by_likeness
from lcom.starts.swapped import swap
from lcom.starts.volume import fit_volumes
from lcom.surrogate.coms import Surrogate
from lcom.surrogate.descent import ends

TOGETHER = 256  # crystals that are encoded at once
METHODS = ("prior", "look-up", "no step", "lcoms", "sl")
COLUMNS = ("", "n", "match", "RMSE", "RMSE < 0.1", "METRe", "cRMSE", "CPU s a sample")


class Networks:
    def __init__(self, folder: Path) -> None:
        self.model = CDVAE.load(folder / "cdvae/model.safetensors")
        self.surrogates = {name: Surrogate.load(folder / f"surrogate/{name}.safetensors") for name in ("lcoms", "sl")}
        self.energy_model = EnergyModel.load(folder / ENERGY_MODEL)
        self.config = read_config(None, "{}")

    @torch.no_grad()
    def encode(self, batch: Batch) -> torch.Tensor:
        parts = torch.arange(len(batch.n_atoms)).split(TOGETHER)
        return torch.cat([self.model.encode(select(batch, part))[0] for part in parts])

    def decode(self, z: torch.Tensor, atoms: Batch, key: tuple) -> list[Crystal]:
        """One sample of each latent."""
        settings = DecodeSettings(**vars(self.config.decode), samples=1, choice="latent")
        return unpack(decode(self.model, z, atoms, settings, [(*key, k) for k in range(len(z))])[0])

    def energies(self, crystals: Sequence[Crystal], surrogate: str, seed: int) -> np.ndarray:
        """By the surrogate of a seed, [n]."""
        batch = pack(crystals)
        seeds = torch.full((len(crystals),), seed)
        with torch.no_grad():
            z, c = self.encode(batch), self.model.composition(batch)
            return self.surrogates[surrogate].energy_of(z, c, seeds).numpy()

    def samples(self, method: str, atoms: list[Crystal], seed: int) -> list[Crystal]:
        """What a method makes of crystals, of which `prior` takes the atoms alone."""
        batch = pack(atoms)
        if method == "look-up":
            return atoms
        if method == "prior":
            z = torch.randn(len(atoms), self.model.settings.latent, generator=torch.Generator().manual_seed(seed))
        else:
            z = self.encode(batch)
        if method in self.surrogates:
            c, seeds = self.model.composition(batch), torch.full((len(atoms),), seed)
            settings = self.config.optimise.of(self.config.methods.columns[method], "")
            z = ends(self.surrogates[method], z, c, seeds, settings)
        return self.decode(z, batch, ("csp", seed, method))


class Score:
    """Samples against the crystals wanted; sample k is for the crystal owner[k], and those of a crystal come in their order."""

    def __init__(self, wanted: list[Crystal], samples: list[Crystal], owner: np.ndarray) -> None:
        self.wanted, self.samples = wanted, samples
        self.own = [np.flatnonzero(owner == k) for k in range(len(wanted))]
        keys = [reduced_counts(crystal.numbers) for crystal in wanted]
        self.alike = [[k for k, other in enumerate(keys) if other == key] for key in keys]
        self.error = cache(lambda sample, k: rmses([samples[sample]], [wanted[k]])[0])

    def picks(self, energies: dict[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
        """Which samples of each crystal are kept."""
        lowest = {
            f"{judge}'s": [rows[[np.argmin(energy[rows])]] if len(rows) else rows for rows in self.own]
            for judge, energy in energies.items()
        }
        return {"one": [rows[:1] for rows in self.own], **lowest, "best": self.own}

    def line(self, name: str, kept: list[np.ndarray], seconds: float) -> str:
        def closest(k: int, of: Sequence[int]) -> float:
            return min((self.error(sample, k) for other in of for sample in kept[other]), default=np.inf)

        best = np.array([closest(k, [k]) for k in range(len(kept))])
        everyone = np.array([closest(k, alike) for k, alike in enumerate(self.alike)])
        share = np.isfinite(best).mean()
        cells = [
            name, str(max(map(len, kept))), f"{share:.3f} ± {np.sqrt(share * (1 - share) / len(best)):.3f}",
            f"{best[np.isfinite(best)].mean():.3f}", f"{np.mean(best < SAME_RMSE):.3f}",
            f"{np.isfinite(everyone).mean():.3f}", f"{np.minimum(everyone, WIDE['stol']).mean():.3f}", f"{seconds:.3f}",
        ]  # fmt: skip
        return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of a data set in a run")
    parser.add_argument("--ids", default="", help="only crystals whose ids begin so")
    parser.add_argument("--limit", type=int, default=500, help="crystals, evenly spread")
    parser.add_argument("--tries", type=int, default=20, help="samples of each")
    parser.add_argument("--seed", type=int, default=0, help="of the noise; and which of the surrogates")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    args = parser.parse_args()
    prepare_device("cpu")
    networks = Networks(args.folder)
    train, val = (Dataset.load(args.folder / f"{part}.safetensors") for part in ("train", "val"))
    named = torch.tensor([i for i, name in enumerate(val.ids) if name.startswith(args.ids)])
    wanted = unpack(select(val.batch, named[evenly(len(named), args.limit)]))

    known = {reduced_counts(crystal.numbers) for crystal in unpack(train.batch)}
    if any(reduced_counts(crystal.numbers) in known for crystal in wanted):
        raise SystemExit(f"{args.folder} was trained on some of these compositions")
    volumes, pool = fit_volumes(train.batch), unpack(train.batch)
    found = [by_likeness(train, [crystal.numbers])[: args.tries] for crystal in wanted]
    looked_up = [swap(pool[row], numbers, volumes) for own in found for row, numbers in own]
    each = np.repeat(np.arange(len(wanted)), args.tries)
    of_found = np.repeat(np.arange(len(wanted)), [len(own) for own in found])
    print(
        f"{len(wanted)} crystals, {len(train)} to train on; for {np.mean([not own for own in found]):.1%} nothing to look up"
    )
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|")
    for method in args.methods:
        begun = time.process_time()
        asked, owner = ([wanted[k] for k in each], each) if method == "prior" else (looked_up, of_found)
        samples = networks.samples(method, asked, args.seed)
        seconds = (time.process_time() - begun) / len(samples)
        judge = "sl" if method == "sl" else "lcoms"
        energies = {
            "surrogate": networks.energies(samples, judge, args.seed),
            "energy model": networks.energy_model.energies(pack(samples)).numpy(),
        }
        sound = np.array([not unphysical(crystal) for crystal in samples])  # others have any energy
        energies = {judge: np.where(sound & np.isfinite(e), e, np.inf) for judge, e in energies.items()}
        score = Score(wanted, samples, owner)
        for said, kept in score.picks(energies).items():
            print(score.line(f"{method}, {said}", kept, seconds), flush=True)


if __name__ == "__main__":
    main()
