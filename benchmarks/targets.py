"""What the surrogate should learn: ranking of the polymorphs of compositions never seen, for each `surrogate.target`.

    python benchmarks/targets.py results/mp [--seeds 3]

Reads the latents and data of a run, trains the supervised surrogate on each target (and on energy_above without the crystals that are
alone in their composition), and judges it on the validation compositions with several crystals: mean Spearman correlation (three
crystals or more), share of pairs of at least 10 meV/atom in the right order, mean absolute error of the energies relative to the
composition's mean, and of the formation energy, where the target says something of it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr

from lcom.base.tensors import load_tensors
from lcom.data.packed import Dataset
from lcom.surrogate.coms import fit
from lcom.surrogate.settings import SurrogateSettings
from lcom.surrogate.targets import fractions

PAIR = 0.01  # eV/atom


def groups_of(data: Dataset) -> np.ndarray:
    keys = torch.cat([fractions(data.batch), data.level[:, None].float()], 1)
    return torch.unique(keys, dim=0, return_inverse=True)[1].numpy()


def ranking(predicted: np.ndarray, energy: np.ndarray, group: np.ndarray) -> tuple[float, float, float, int, int]:
    """Spearman, share of pairs in order, error of centred energies; numbers of compositions and pairs."""
    rhos, right, errors = [], [], []
    for g in np.unique(group):
        p, y = predicted[group == g], energy[group == g]
        if len(y) < 2:
            continue
        errors.append(np.abs((p - p.mean()) - (y - y.mean())))
        i, j = np.triu_indices(len(y), 1)
        apart = np.abs(y[i] - y[j]) >= PAIR
        right.append(((p[i] - p[j]) * (y[i] - y[j]) > 0)[apart])
        if len(y) > 2 and np.ptp(y) >= PAIR:
            rhos.append(spearmanr(p, y).statistic)
    pairs = np.concatenate(right)
    return float(np.nanmean(rhos)), float(pairs.mean()), float(np.concatenate(errors).mean()), len(errors), len(pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="folder with latents.safetensors, train.safetensors and val.safetensors")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    t, _ = load_tensors(args.run / "latents.safetensors")
    train, val = (Dataset.load(args.run / f"{part}.safetensors") for part in ("train", "val"))
    group = groups_of(val)
    own = np.bincount(groups_of(train))[groups_of(train)]
    print(f"{len(train)} training crystals, {np.mean(own == 1):.0%} of them alone in their composition")
    print(
        "| target | Spearman | pairs | MAE centred, eV/atom | MAE formation energy | compositions | pairs |\n|---|---|---|---|---|---|---|"
    )
    every, several = torch.arange(len(train)), torch.from_numpy(np.flatnonzero(own > 1))
    for name, target, rows in (
        ("energy_above", "energy_above", every),
        ("energy_above, several crystals only", "energy_above", several),
        ("formation_energy", "formation_energy", every),
        ("excess", "excess", every),
    ):
        if len(rows) == len(train) and rows is several:
            continue
        settings = SurrogateSettings(target=target)
        data = [(t[f"{part}_z"], t[f"{part}_c"], t[f"{part}_{target}"]) for part in ("train", "val")]
        model, _ = fit("sl", settings, tuple(x[rows] for x in data[0]), data[1], args.seeds)
        with torch.no_grad():
            z, c = (x.expand(args.seeds, -1, -1) for x in (model.standardise(data[1][0]), data[1][1]))
            predicted = model.energy(z, c).numpy()  # [S, B]
        found = np.array([ranking(p, val.formation_energy.numpy(), group) for p in predicted])
        mae = np.abs(predicted - data[1][2].numpy()).mean(1)
        values = [f"{found[:, k].mean():.3f} ± {found[:, k].std():.3f}" for k in range(3)]
        absolute = "" if target == "energy_above" else f"{mae.mean():.3f} ± {mae.std():.3f}"
        print(f"| {name} | {' | '.join(values)} | {absolute} | {int(found[0, 3])} | {int(found[0, 4])} |")
    spread = float(np.abs(t["val_excess"].numpy()).mean())
    print(f"ridge on the composition alone: MAE of the formation energy {spread:.3f} eV/atom")


if __name__ == "__main__":
    main()
