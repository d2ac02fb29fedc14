"""The energy model on MatBench's official folds of `matbench_mp_e_form`, scored by the package `matbench` itself.

The package holds the ids of five folds and the score; the rows are those of the file that it names. Nothing is held out for the benchmark
compounds here: the folds are what others' networks were scored on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from lcom.base.seeding import generator
from lcom.batch import pack
from lcom.data.packed import Dataset
from lcom.data.settings import SplitSettings
from lcom.data.sources import matbench
from lcom.data.sources.entries import Rejected

if TYPE_CHECKING:
    from matbench.bench import MatbenchBenchmark


def read_rows(path: Path) -> Dataset:
    """All crystals of the file in their own cells, of whatever size. A ValueError names a row that is no crystal: the folds ask for all."""
    ids, crystals, energies = [], [], []
    for entry in matbench.read(path):
        if isinstance(entry, Rejected):
            raise ValueError(
                f"{path}: {entry.id} is {entry.kind} ({entry.detail}), but MatBench's folds need every row"
            )
        ids.append(entry.id)
        crystals.append(entry.crystal)
        energies.append(entry.formation_energy)
    energy = torch.tensor(energies, dtype=torch.float32)
    return Dataset(ids, pack(crystals), energy, torch.zeros_like(energy))


def folds() -> list[dict[str, list[str]]]:
    """Of each official fold the ids to train on and to predict: "train" and "test"."""
    specified = _benchmark().tasks_map[matbench.TASK].validation
    return [{part: list(fold[part]) for part in ("train", "test")} for fold in specified.values()]


def parts(data: Dataset, fold: Mapping[str, Sequence[str]], max_atoms: int, settings: SplitSettings) -> list[Dataset]:
    """Training and validation set, drawn from a fold's rows to train on with cells of at most `max_atoms`, and its test set.

    A ValueError if the data have not all rows of the fold, or too few are as small.
    """
    place = {id: row for row, id in enumerate(data.ids)}
    if missing := [id for part in ("train", "test") for id in fold[part] if id not in place]:
        raise ValueError(
            f"{len(missing)} rows of MatBench's folds are not in the file, {missing[0]} first: is it whole?"
        )
    train, test = (torch.tensor([place[id] for id in fold[part]]) for part in ("train", "test"))
    small = train[data.batch.n_atoms[train] <= max_atoms]
    order = torch.as_tensor(generator("matbench", settings.seed).permutation(len(small)))
    count = max(1, round(settings.val_fraction * len(small)))
    if count >= len(small):
        raise ValueError(f"{len(small)} rows of the fold have at most {max_atoms} atoms: raise data.max_atoms")
    return [data.rows(rows) for rows in (small[order[count:]], small[order[:count]], test)]


def record(
    tests: Sequence[Dataset], predictions: Sequence[Sequence[float]], said: dict[str, Any]
) -> tuple[dict[str, Any], pd.DataFrame]:
    """MatBench's record, as its leaderboard takes it, and the scores of each fold, eV/atom.

    tests, predictions: of the folds in their order; said: what the record tells of the model. Beside the model's scores those of the
    mean energy of the rows to train on, which has learned nothing.
    """
    benchmark = _benchmark()
    task = benchmark.tasks_map[matbench.TASK]
    columns = [task.metadata.input_type, task.metadata.target]
    energies = {
        id: energy for test in tests for id, energy in zip(test.ids, test.formation_energy.tolist(), strict=True)
    }
    task.df = pd.DataFrame([(None, energy) for energy in energies.values()], index=list(energies), columns=columns)
    rows = []
    for fold, (name, values) in enumerate(zip(task.folds_keys, predictions, strict=True)):
        task.record(fold, list(values), params=said)
        scores = task.results[name].scores
        train, truth = (
            task.df.loc[task.validation[name][part], task.metadata.target].to_numpy() for part in ("train", "test")
        )
        alone = float(np.abs(truth - train.mean()).mean())
        rows.append({"fold": fold, "mae": scores["mae"], "rmse": scores["rmse"], "mae_of_the_mean": alone})
    benchmark.add_metadata({"algorithm": "LCOMs: energy model", "algorithm_long": "DimeNet++ with one energy an atom"})
    return benchmark.as_dict(), pd.DataFrame(rows)


def _benchmark() -> MatbenchBenchmark:
    from matbench.bench import MatbenchBenchmark

    return MatbenchBenchmark(autoload=False, subset=[matbench.TASK])
