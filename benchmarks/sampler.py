"""What the sampler's evaluations buy: match rate, RMSE, energy and seconds of reconstruction against their number.

    python benchmarks/sampler.py results/prototypes [--limit 150] [--max-atoms 6] [--only first,samples] [--bf16]

Validation crystals of the run in the folder are encoded and decoded with each sampler; evaluations are calls of the denoiser for
one structure. match: StructureMatcher (ltol 0.3, stol 0.5, angle_tol 10); RMSE: mean over the matches; energies are CHGNet's, above
the encoded crystal.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from columns import energies
from matching import rmses
from torch import Tensor

import lcom.cdvae.decoding
import lcom.cdvae.sampler
from lcom.base.device import prepare_device
from lcom.batch import Batch, select, unpack
from lcom.cdvae.decoding import decode
from lcom.cdvae.model import CDVAE
from lcom.cdvae.sampler import Denoiser, levels_again, mend, sample
from lcom.cdvae.settings import DecodeSettings
from lcom.data.generator.potential import Potential
from lcom.data.packed import Dataset
from lcom.nets.graph import image_offsets, move


def heun(
    denoise: Denoiser, start: Batch, sigmas: Tensor, noise: Tensor, settings: DecodeSettings, cutoff: float
) -> Batch:
    """The probability-flow equation dx/dσ = -d/σ by Heun's method (Karras et al. 2022), then the strain steps of ``sample``."""
    batch, sizes = start, torch.ones(len(start.n_atoms), device=sigmas.device)
    offsets = image_offsets(batch.lattice, cutoff)
    for sigma, following in zip(sigmas[:-1], sigmas[1:], strict=True):
        slope, _ = denoise(batch, sizes * sigma, offsets)  # d / σ
        ahead = move(batch, (sigma - following) * slope)
        after, _ = denoise(ahead, sizes * following, offsets)
        batch = move(batch, (sigma - following) * 0.5 * (slope + after))
    towards, _ = denoise(batch, sizes * sigmas[-1], offsets)
    batch = move(batch, towards * sigmas[-1])
    return mend(denoise, batch, levels_again(sigmas, settings.strain_steps), cutoff)


def one_level(sigma: float, sigmas: Tensor, count: int) -> Tensor:
    """In place of `levels_again`: the same level at every step."""
    return torch.full((count,), sigma)


def cases() -> Iterator[tuple[str, str, DecodeSettings, int]]:
    """(group, name, settings, evaluations); the group ``first`` begins at the σ that its name ends with, in Å, and the group
    ``one level`` mends at the σ that its name ends with, again and again."""
    once = DecodeSettings(samples=1)
    mending = once.strain_steps
    for sigma in (0.3, 0.6, 1.0, 1.5):  # not beyond the σ of the training
        yield "first", f"from {sigma}", once, once.levels + mending
    for levels in (4, 8, 16, 32, 64):
        yield "ancestral", f"{levels} + {mending}", replace(once, levels=levels), levels + mending
    for levels in (5, 10, 20, 50):
        yield "heun", f"Heun {levels} + {mending}", replace(once, levels=levels), 2 * levels - 1 + mending
    for steps in (1, 5, 20, 100):
        settings = replace(once, schedule="langevin", levels=50, steps=steps)
        yield "langevin", f"Langevin 50 x {steps} + {mending}", settings, 50 * steps + 1 + mending
    for count in (0, 4, 8, 16, 32, 64):
        yield "strain", f"{once.levels} + {count}", replace(once, strain_steps=count), once.levels + count
    for levels, count in ((24, 8), (20, 12), (12, 20), (8, 24)):
        yield "shares", f"{levels} + {count}", replace(once, levels=levels, strain_steps=count), levels + count
    for sigma in (0.03, 0.14, 0.5):
        yield "one level", f"{once.levels} + {mending} at {sigma}", once, once.levels + mending
    eight = replace(once, samples=8)
    yield "one level", f"best of 8, {once.levels} + {mending} at 0.14", eight, 8 * (once.levels + mending)
    for count in (1, 2, 4, 8, 16, 32):
        yield "samples", f"best of {count}", replace(once, samples=count), count * (once.levels + mending)
    short = replace(once, levels=8, strain_steps=8, samples=16)
    yield "samples", "best of 16, 8 + 8", short, 16 * 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=150)
    parser.add_argument("--max-atoms", type=int, default=6)
    parser.add_argument("--only", default="first,ancestral,heun,langevin,strain,shares,one level,samples")
    parser.add_argument("--bf16", action="store_true", help="products of the networks in bfloat16")
    args = parser.parse_args()
    device = prepare_device("auto")
    model = CDVAE.load(args.folder / "cdvae/model.safetensors", device)
    model.bfloat16 = args.bf16
    val = Dataset.load(args.folder / "val.safetensors")
    small = torch.nonzero(val.batch.n_atoms <= args.max_atoms).flatten()
    index = small[torch.randperm(len(small), generator=torch.Generator().manual_seed(0))[: args.limit]]
    batch = select(val.batch, index).to(device)
    wanted = unpack(batch)
    trained = model.settings
    with torch.no_grad():
        z = model.encode(batch)[0]
    keys = [("sampler", i) for i in index.tolist()]
    potential = Potential()
    encoded = energies(potential, wanted)
    print(f"{len(wanted)} crystals; a share's standard error is {0.5 / len(wanted) ** 0.5:.2f}")
    print(
        f"{'':>22} {'evaluations':>11} {'match':>6} {'RMSE':>6} {'< 0.1':>6} {'median eV':>9} {'< 25 meV':>8} {'s each':>7}"
    )
    for group, name, settings, evaluations in cases():
        if group not in args.only.split(","):
            continue
        lcom.cdvae.decoding.sample = heun if group == "heun" else sample
        last = name.split()[-1]
        model.settings = replace(trained, sigma_begin=float(last) if group == "first" else trained.sigma_begin)
        lcom.cdvae.sampler.levels_again = partial(one_level, float(last)) if group == "one level" else levels_again
        begun = time.perf_counter()
        found = unpack(decode(model, z, batch, settings, keys)[0])
        seconds = (time.perf_counter() - begun) / len(wanted)
        values = rmses(found, wanted)
        matched = values[np.isfinite(values)]
        above = energies(potential, found) - encoded
        print(
            f"{name:>22} {evaluations:11d} {len(matched) / len(values):6.2f} {matched.mean():6.3f} "
            f"{np.mean(values < 0.1):6.2f} {np.median(above):9.3f} {np.mean(above < 0.025):8.2f} {seconds:7.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
