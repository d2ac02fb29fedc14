"""How good the chain is on validation compositions, judged by CHGNet: for tuning, since the benchmark compounds are not.

    python benchmarks/quality.py results/prototypes [--seeds 2] [--config '{"decode": {...}, "methods": {"lcoms": {...}}}']

Prints two tables. Reconstruction: validation crystals encoded and decoded. Prediction: a swapped training crystal as the start, then
nothing (start), or what each descending column of the config's `methods` makes of it; energies above the lowest known crystal of the
composition. The surrogates are trained here, from the latents, so that their settings can be tried without the workflow.
benchmarks/attribution.py has the columns of a run as it is.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from columns import Chain, energies, read_config
from matching import rmses

from lcom.base.device import prepare_device
from lcom.base.seeding import generator
from lcom.base.tensors import load_tensors
from lcom.batch import select, unpack
from lcom.cdvae.decoding import decode
from lcom.cdvae.model import CDVAE
from lcom.crystal import reduced_counts
from lcom.data.generator.potential import Potential
from lcom.data.packed import Dataset
from lcom.starts.swapped import draw, fitting
from lcom.starts.volume import fit_volumes
from lcom.surrogate.coms import SURROGATES, fit
from lcom.surrogate.settings import MethodSettings


def line(name: str, above: np.ndarray, rmse: np.ndarray, seconds: float = float("nan")) -> str:
    shares = [
        np.mean(above < 0.025),
        np.mean(above < 0.1),
        np.mean(np.isfinite(rmse)),
        np.mean(rmse < 0.1),
    ]
    numbers = " ".join(f"{x:10.2f}" for x in shares)
    return f"{name:>14} {len(above):5d} {np.median(above):10.3f} {numbers} {seconds * 1000:10.0f}"


HEAD = f"{'':>14} {'n':>5} {'median eV':>10} {'<25 meV':>10} {'<100 meV':>10} {'match':>10} {'rmse<0.1':>10} {'ms each':>10}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--limit", type=int, default=200, help="validation crystals to reconstruct")
    parser.add_argument("--config", default="{}")
    args = parser.parse_args()
    prepare_device("cpu")
    config = read_config(None, args.config)
    decoding = MethodSettings().decoding(config.decode)
    model = CDVAE.load(args.folder / "cdvae/model.safetensors")
    train, val = (Dataset.load(args.folder / f"{part}.safetensors") for part in ("train", "val"))
    latents, _ = load_tensors(args.folder / "latents.safetensors")
    potential = Potential()

    index = torch.randperm(len(val), generator=torch.Generator().manual_seed(0))[: args.limit]
    batch = select(val.batch, index)
    z, truth = latents["val_z"][index], unpack(batch)
    with torch.no_grad():
        predicted = model.lattice_targets(batch.replace(lattice=model.predict_lattice(model.context(z, batch), batch)))
    error = (predicted - model.lattice_targets(batch)).abs().mean(0)
    print(f"lattice head: lengths {error[:3].mean():.3f} Å per atom^(1/3), angles {error[3:].mean():.2f}°")
    begun = time.perf_counter()
    decoded = unpack(decode(model, z, batch, decoding, [("bench", i) for i in index.tolist()])[0])
    seconds = (time.perf_counter() - begun) / len(truth)
    true_energy = energies(potential, truth)
    print(HEAD)
    print(line("reconstruct", energies(potential, decoded) - true_energy, rmses(decoded, truth), seconds))
    lowest = val.energy_above[index] == 0
    ground = [i for i in range(len(truth)) if lowest[i]]
    if ground:
        print(
            line(
                "ground states",
                (energies(potential, decoded) - true_energy)[ground],
                rmses([decoded[i] for i in ground], [truth[i] for i in ground]),
            )
        )

    crystals = unpack(val.batch)
    best: dict[tuple, int] = {}
    for i, crystal in enumerate(crystals):
        if val.energy_above[i] == 0 and len(crystal) <= 8:
            best[reduced_counts(crystal.numbers)] = i
    pool, volumes = train.batch, fit_volumes(train.batch)
    known = [crystals[i] for i in best.values() for _ in range(args.seeds)]
    seed = torch.arange(len(known)) % args.seeds
    starts = [
        draw(pool, fitting(pool, c.numbers), c.numbers, volumes, generator("bench", int(s), c.formula))
        for c, s in zip(known, seed, strict=True)
    ]
    reference = energies(potential, known)
    print(line("start", energies(potential, starts) - reference, rmses(starts, known)))
    parts = {
        p: (latents[f"{p}_z"], latents[f"{p}_c"], latents[f"{p}_{config.surrogate.target}"]) for p in ("train", "val")
    }
    trained = {name: fit(name, config.surrogate, parts["train"], parts["val"], args.seeds) for name in SURROGATES}
    chain = Chain(model, latents, starts, seed.tolist())
    for name, column in config.methods.columns.items():
        if column.kind == "analogue":
            continue
        surrogate, rows = trained.get(column.surrogate, (None, []))
        found, steps = chain.run(column, config, args.folder.name, surrogate)
        note = f"  steps {steps.float().median():.0f}"
        if rows:
            last = rows[-1]
            note += f", val mae {last['val_mae']:.3f}, gap {last['gap']:.3f}, alpha {last['alpha']:.2f}"
        print(line(name, energies(potential, found) - reference, rmses(found, known)) + note)


if __name__ == "__main__":
    main()
