"""The numbers of the data card of embedded set 2 (data/README.md), computed from its files: nothing there is typed by hand."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from lcom.data.generator.proportions import counts
from lcom.data.sources.shards import COMPOSITIONS, compositions_table, read_manifest, rows, tables
from lcom.elements import SYMBOLS


def card(folder: Path) -> str:
    """Markdown with counts, proportions, elements, energies and sizes of a folder of shards."""
    manifest = read_manifest(folder)
    shards = manifest["shards"]
    minima, compositions = list(rows(folder)), compositions_table(folder).to_pylist()
    frames = Counter()
    for table in tables(folder, "frames"):
        frames.update(table["stage"].to_pylist())
    size = sum(shard[kind]["bytes"] for shard in shards for kind in ("minima", "frames"))
    seconds = sum(shard["core_seconds"] for shard in shards)
    polymorphs = Counter(row["formula"] for row in minima)
    lowest = {row["formula"]: row["lowest"] for row in compositions}
    above = np.array([row["energy"] - lowest[row["formula"]] for row in minima])
    hull = np.array([row["lowest"] - row["hull"] for row in compositions])
    tried = sum(shard["compositions"] for shard in shards)
    stages = ", ".join(f"{frames[stage]} {stage}" for stage in ("start", "way", "shaken"))
    return "\n".join(
        [
            f"{len(minima)} minima of {len(compositions)} compositions ({tried} tried) and {sum(frames.values())} frames off "
            f"the minima ({stages}).",
            f"{len(shards)} shards, {size / 1e6:.2f} MB, and {COMPOSITIONS}, {manifest['compositions']['bytes'] / 1e3:.0f} kB.",
            f"Generator {manifest['generator']}, CHGNet {manifest['chgnet']}: {seconds / 3600:.2f} core hours, "
            f"{1000 * seconds / len(minima):.0f} core seconds for 1000 minima.",
            f"Polymorphs of a composition: {_spread(np.array(list(polymorphs.values())), '.0f')}.",
            "",
            _proportions(minima, compositions),
            "",
            _elements(compositions),
            "",
            f"Atoms in a cell: {_spread(np.array([len(row['crystal']) for row in minima]), '.0f')}. "
            f"Shaken out of a saddle point: {sum(row['shaken'] for row in minima)}.",
            f"Formation energy, eV/atom: {_spread(np.array([row['formation_energy'] for row in minima]), '.2f')}.",
            f"Energy above the composition's lowest polymorph, eV/atom: {_spread(above, '.3f')}.",
            f"Energy of compositions above the convex hull, eV/atom: {_spread(hull, '.3f')}; {int((hull < 1e-4).sum())} lie on it.",
        ]
    )


def _spread(values: np.ndarray, form: str) -> str:
    low, *quartiles, ninety, high = (format(v, form) for v in np.percentile(values, [0, 25, 50, 75, 90, 100]))
    return f"least {low}, quartiles {' / '.join(quartiles)}, 90th percentile {ninety}, most {high}"


def _proportions(minima: list[dict], compositions: list[dict]) -> str:
    numbers: dict[str, list[int]] = defaultdict(list)
    for row in compositions:
        numbers[row["proportion"]].append(row["minima"])
    lines = ["| | compositions | minima | polymorphs of a composition: least, median, most |", "|---|---|---|---|"]
    for name, found in sorted(numbers.items(), key=lambda item: (len(item[0]), item[0])):
        lines.append(f"| {name} | {len(found)} | {sum(found)} | {min(found)}, {np.median(found):.0f}, {max(found)} |")
    return "\n".join(lines)


def _elements(compositions: list[dict]) -> str:
    held = Counter(symbol for row in compositions for symbol in counts(row["formula"]))
    order = sorted(held, key=SYMBOLS.index)
    return f"The {len(held)} elements, each with the number of compositions it is in: " + ", ".join(
        f"{symbol} {held[symbol]}" for symbol in order
    )
