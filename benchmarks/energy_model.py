"""What the energy model should be trained on: minima, minima that are perturbed as if their energies stayed, or minima and frames off them.

    python benchmarks/energy_model.py results/networks/both [--epochs 10] [--seeds 1]

Reads the packed crystals and frames of a run, trains each variant for the same number of crystals (or takes the run's own model:
--as-is) and judges it on the validation compositions: mean absolute error at minima and at frames, Spearman correlation and pairs in
order of polymorphs (benchmarks/targets.py), and where it puts the volume: each minimum is scaled evenly, and the volume of the lowest
predicted energy is divided by the true one.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
import yaml
from targets import groups_of, ranking

from lcom.batch import Batch, select
from lcom.data.packed import Dataset
from lcom.nets.training import parse_training, train
from lcom.search.energy_model import EnergyModel

ROOT = Path(__file__).resolve().parent.parent
VARIANTS = {
    "minima, perturbed (0.05 Å, 3 %)": ({"noise": 0.05, "strain": 0.03}, False),
    "minima": ({"noise": 0.0, "strain": 0.0}, False),
    "minima and frames": ({"noise": 0.0, "strain": 0.0}, True),
}
SCALES = np.linspace(0.4, 1.6, 25)  # of the volume


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="folder with train.safetensors, val.safetensors and frames/")
    parser.add_argument(
        "--epochs", type=int, default=10, help="over the minima and frames; the others see as many crystals"
    )
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each")
    parser.add_argument("--as-is", action="store_true", help="judge the run's own model instead")
    args = parser.parse_args()
    torch.set_num_threads(1)
    train_set, val = (Dataset.load(args.run / f"{part}.safetensors").of_first_level() for part in ("train", "val"))
    frames = [Dataset.load(args.run / "frames" / f"{part}.safetensors").of_first_level() for part in ("train", "val")]
    print(
        f"{len(train_set)} minima and {len(frames[0])} frames to train on; {len(val)} and {len(frames[1])} to validate"
    )
    print(
        "| trained on | MAE minima, eV/atom | MAE frames | Spearman | pairs | volume: median (quartiles) |\n|---|---|---|---|---|---|"
    )
    if args.as_is:
        return report("as is", [EnergyModel.load(args.run / "energy_model/model.safetensors")], val, frames[1])
    config = yaml.safe_load((ROOT / "config.yaml").read_text())["energy_model"]
    both = len(train_set) + len(frames[0])
    for name, (differs, with_frames) in VARIANTS.items():
        models = []
        for seed in range(args.seeds):
            settings, training = parse_training(EnergyModel, json.dumps(config | differs))
            epochs = args.epochs if with_frames else round(args.epochs * both / len(train_set))
            training = dataclasses.replace(training, epochs=epochs, patience=epochs, seed=seed)
            sets = [a.with_others(b) if with_frames else a for a, b in zip((train_set, val), frames, strict=True)]
            with tempfile.TemporaryDirectory() as folder:
                state = Path(folder)
                models.append(train(EnergyModel, *sets, settings, training, state, "cpu", state / "metrics.csv"))
        report(name, models, val, frames[1])


def report(name: str, models: list[EnergyModel], val: Dataset, frames: Dataset) -> None:
    rows = []
    for model in models:
        at_minima = predict(model, val.batch)
        mae = [np.abs(at_minima - val.formation_energy.numpy()).mean()]
        mae.append(np.abs(predict(model, frames.batch) - frames.formation_energy.numpy()).mean())
        rho, pairs, *_ = ranking(at_minima, val.formation_energy.numpy(), groups_of(val))
        rows.append([*mae, rho, pairs, *np.quantile(volumes(model, val.batch), (0.5, 0.25, 0.75))])
    m = np.mean(rows, axis=0)
    spread = np.std(rows, axis=0, ddof=1) if len(rows) > 1 else np.full(len(m), np.nan)
    cells = [f"{a:.3f}" + (f" ± {s:.3f}" if len(rows) > 1 else "") for a, s in zip(m[:5], spread[:5], strict=True)]
    print(f"| {name} | {' | '.join(cells)} ({m[5]:.2f} to {m[6]:.2f}) |", flush=True)


@torch.no_grad()
def predict(model: EnergyModel, batch: Batch, size: int = 256) -> np.ndarray:
    rows = torch.arange(len(batch.n_atoms)).split(size)
    return torch.cat([model(select(batch, part)) for part in rows]).numpy()


def volumes(model: EnergyModel, batch: Batch) -> np.ndarray:
    """The volume of the lowest predicted energy of each crystal over its own."""
    energies = [predict(model, batch.replace(lattice=batch.lattice * float(s) ** (1 / 3))) for s in SCALES]
    return SCALES[np.argmin(energies, axis=0)]


if __name__ == "__main__":
    main()
