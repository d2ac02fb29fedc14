"""What the sampler's evaluations buy: match rate, RMSE and seconds of reconstruction against their number.

    python benchmarks/sampler.py results/prototypes [--limit 150] [--max-atoms 6] [--only first,samples] [--bf16]

Validation crystals of the run in the folder are encoded and decoded with each sampler; evaluations are calls of the denoiser for
one structure. match: StructureMatcher (ltol 0.3, stol 0.5, angle_tol 10); RMSE: mean over the matches.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from matching import rmses
from torch import Tensor

import lcom.cdvae.decoding
from lcom.base.device import prepare_device
from lcom.batch import Batch, select, unpack
from lcom.cdvae.decoding import decode
from lcom.cdvae.model import CDVAE
from lcom.cdvae.sampler import Denoiser, levels_again, mend, sample
from lcom.cdvae.settings import DecodeSettings
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


def cases() -> Iterator[tuple[str, str, DecodeSettings, int]]:
    """(group, name, settings, evaluations); the group ``first`` begins at the σ that its name ends with, in Å."""
    for sigma in (0.3, 0.6, 1.0, 1.5):  # not beyond the σ of the training
        yield "first", f"ancestral 20 from {sigma}", DecodeSettings(samples=1), 32
    for levels in (5, 10, 20, 50, 100):
        yield "ancestral", f"ancestral {levels}", DecodeSettings(levels=levels, samples=1), levels + 12
    for levels in (5, 10, 20, 50):
        yield "heun", f"Heun {levels}", DecodeSettings(levels=levels, samples=1), 2 * levels - 1 + 12
    for steps in (1, 2, 5, 20, 100):
        settings = DecodeSettings("langevin", levels=50, steps=steps, samples=1)
        yield "langevin", f"Langevin 50 x {steps}", settings, 50 * steps + 1 + 12
    for count in (0, 3, 6, 12, 24):
        yield "strain", f"20 + {count} strain", DecodeSettings(strain_steps=count, samples=1), 20 + count
    for count in (1, 2, 4, 8, 16, 32):
        yield "samples", f"best of {count}", DecodeSettings(samples=count), 32 * count
    for levels in (10, 5):
        yield (
            "samples",
            f"best of 16, {levels} + 6",
            DecodeSettings(levels=levels, strain_steps=6, samples=16),
            16 * (levels + 6),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=150)
    parser.add_argument("--max-atoms", type=int, default=6)
    parser.add_argument("--only", default="first,ancestral,heun,langevin,strain,samples")
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
    print(f"{len(wanted)} crystals; a share's standard error is {0.5 / len(wanted) ** 0.5:.2f}")
    print(f"{'':>22} {'evaluations':>11} {'match':>6} {'RMSE':>6} {'< 0.1':>6} {'s each':>7}")
    for group, name, settings, evaluations in cases():
        if group not in args.only.split(","):
            continue
        lcom.cdvae.decoding.sample = heun if group == "heun" else sample
        first = float(name.split()[-1]) if group == "first" else trained.sigma_begin
        model.settings = dataclasses.replace(trained, sigma_begin=first)
        begun = time.perf_counter()
        found = unpack(decode(model, z, batch, settings, keys)[0])
        seconds = (time.perf_counter() - begun) / len(wanted)
        values = rmses(found, wanted)
        matched = values[np.isfinite(values)]
        print(
            f"{name:>22} {evaluations:11d} {len(matched) / len(values):6.2f} {matched.mean():6.3f} "
            f"{np.mean(values < 0.1):6.2f} {seconds:7.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
