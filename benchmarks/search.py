"""The searches over structures: their speed, and how good what they find is on validation compositions, judged by CHGNet.

    python benchmarks/search.py results/prototypes/energy_model/model.safetensors results/prototypes/val.safetensors \\
        [--compositions 20] [--config '{"evaluations": 5200, "space": {"min_distance": 0.4}}']

First table: candidates a second, proposed and scored. Second: for each method the CHGNet energy of what it found above the lowest known
crystal of the composition, the share that matches that crystal, and how far the energy model's own energy of what was found lies below
its energy of that crystal: a method that finds energies far too low has found errors of the model; last, the volume of what was found
over the known one's, median and quartiles.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from matching import rmses
from quality import HEAD, energies, line

from lcom.base.device import prepare_device
from lcom.base.resume import Records
from lcom.base.seeding import generator
from lcom.base.settings import parse_settings
from lcom.batch import pack, unpack
from lcom.crystal import reduced_counts
from lcom.data.generator.potential import Potential
from lcom.data.packed import Dataset
from lcom.search.energy_model import EnergyModel
from lcom.search.run import SEARCHES, Problem, make_optimiser, search
from lcom.search.settings import SearchSettings
from lcom.search.space import SearchSpace


def speed(model: EnergyModel, settings: SearchSettings) -> None:
    print(f"{'':>10} {'built/s':>10} {'valid':>10} {'scored/s':>10}")
    for name, numbers in (("NaCl", [11, 17]), ("ZnO", [30, 30, 8, 8])):
        space = SearchSpace(np.array(numbers), settings.space)
        x = np.random.default_rng(0).random((4000, space.dimension))
        space.build(x[:10])
        begun = time.perf_counter()
        built = space.build(x)
        seconds = time.perf_counter() - begun
        frac, lattice = built.frac_coords[built.valid], built.lattice[built.valid]
        tiled = np.tile(numbers, (len(frac), 1))
        model.score(tiled[:64], frac[:64], lattice[:64])
        begun = time.perf_counter()
        model.score(tiled, frac, lattice)
        rate = len(frac) / (time.perf_counter() - begun)
        print(f"{name:>10} {len(x) / seconds:10.0f} {built.valid.mean():10.2f} {rate:10.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("val", type=Path)
    parser.add_argument("--compositions", type=int, default=20)
    parser.add_argument("--methods", nargs="+", default=SEARCHES)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--config", default="{}")
    args = parser.parse_args()
    settings = parse_settings(SearchSettings, json.loads(args.config), "search")
    model = EnergyModel.load(args.model, prepare_device(args.device))
    speed(model, settings)

    val = Dataset.load(args.val)
    with torch.no_grad():
        predicted = torch.cat([model(pack(c)) for c in np.array_split(np.array(unpack(val.batch)), 20)])
    error = (predicted - val.formation_energy).abs()
    print(f"energy model: MAE {error.mean():.3f} eV/atom on {len(val)} validation crystals")

    lowest = {}
    for crystal, energy in zip(unpack(val.batch), val.energy_above.tolist(), strict=True):
        if energy == 0 and len(crystal) <= 4:
            lowest[reduced_counts(crystal.numbers)] = crystal
    keys = sorted(lowest)[:: max(1, len(lowest) // args.compositions)][: args.compositions]
    known = [lowest[key] for key in keys]
    potential = Potential()
    reference = energies(potential, known)
    with torch.no_grad():
        own = model(pack(known)).numpy()
    print(HEAD + f" {'too low':>10}  volume")
    for method in args.methods:
        problems = []
        for crystal in known:
            numbers = np.sort(crystal.numbers)
            space = SearchSpace(numbers, settings.space)
            optimiser = make_optimiser(method, settings, space, generator("bench", method, crystal.formula))
            problems.append(Problem(numbers, space, optimiser))
        with tempfile.TemporaryDirectory() as folder:
            seconds = search(problems, model.score, settings.evaluations, Records(Path(folder) / "records"))
        found = [problem.best() for problem in problems]
        crystals = [best[0] for best in found]
        each = (seconds.propose + seconds.model) / len(problems)
        low = np.median(own - np.array([best[1] for best in found]))
        ratio = [
            crystal.volume / len(crystal) / (one.volume / len(one))
            for crystal, one in zip(crystals, known, strict=True)
        ]
        lower, middle, upper = np.quantile(ratio, [0.25, 0.5, 0.75])
        said = line(method, energies(potential, crystals) - reference, rmses(crystals, known), each)
        print(f"{said} {low:10.3f}  {middle:.2f} ({lower:.2f} to {upper:.2f})")


if __name__ == "__main__":
    main()
