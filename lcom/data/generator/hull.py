"""Formation energies and the convex hull of a set, composition by composition."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pyarrow as pa

from lcom.data.generator.proportions import counts, proportion
from lcom.data.sources.shards import COMPOSITIONS, read_manifest, tables, write_manifest, write_table

TABLE = pa.schema(
    [
        ("formula", pa.string()),
        ("proportion", pa.string()),
        ("minima", pa.int32()),
        ("lowest", pa.float32()),
        ("formation", pa.float32()),
        ("hull", pa.float32()),
    ]
)


def compositions(energies: Sequence[tuple[str, int, float]]) -> list[dict]:
    """From formula, number of minima and lowest energy (eV/atom) of each composition, rows of `TABLE`.

    Compositions with an element that has no energy here are left out: nothing refers to it.
    """
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
    from pymatgen.core import Composition

    entries = {f: PDEntry(Composition(f), e * Composition(f).num_atoms) for f, _, e in energies}
    elements = {next(iter(counts(f))): f for f in entries if len(counts(f)) == 1}
    systems: dict[frozenset, list[str]] = {}
    for formula in entries:
        systems.setdefault(frozenset(counts(formula)), []).append(formula)
    found, diagrams = [], {}
    for formula, minima, energy in energies:
        system = frozenset(counts(formula))
        if not system <= set(elements):
            continue
        if system not in diagrams:
            inside = [
                f
                for k in range(1, len(system) + 1)
                for s in combinations(sorted(system), k)
                for f in systems.get(frozenset(s), [])
            ]
            diagrams[system] = PhaseDiagram([entries[f] for f in inside])
        diagram = diagrams[system]
        found.append(
            {
                "formula": formula,
                "proportion": proportion(formula),
                "minima": minima,
                "lowest": energy,
                "formation": diagram.get_form_energy_per_atom(entries[formula]),
                "hull": diagram.get_hull_energy_per_atom(Composition(formula)),
            }
        )
    return found


def write_compositions(folder: Path) -> None:
    """`compositions.parquet` from all minima of the folder, and its place in the manifest."""
    lowest: dict[str, tuple[int, float]] = {}
    for table in tables(folder, "minima"):
        for formula, energy in zip(table["formula"].to_pylist(), table["energy"].to_pylist(), strict=True):
            number, best = lowest.get(formula, (0, float("inf")))
            lowest[formula] = (number + 1, min(best, energy))
    rows = compositions([(formula, *found) for formula, found in lowest.items()])
    manifest = read_manifest(folder)
    manifest["compositions"] = write_table(rows, TABLE, Path(folder) / COMPOSITIONS)
    write_manifest(manifest, folder)
