"""The files of a run that the tables and figures are made of, and what is in them.

A missing file is a FileNotFoundError that names it and the rule that makes it; one that is damaged, or of another run, a ValueError.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lcom.base.parts import parts_of, relaxations_size
from lcom.candidates import Candidate, read_candidates
from lcom.report.judge import EnergyRecord, load_energies, load_references
from lcom.report.settings import Judge

T = TypeVar("T", EnergyRecord, Candidate)
Key = tuple[str, int]  # compound and seed


def existing(path: Path, rule: str) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; rule {rule} makes it: snakemake --cores 1 {path}")
    return path


def references(root: Path, parts: Sequence[str], wanted: Sequence[str]) -> dict[str, list[EnergyRecord]]:
    """Compound -> its known polymorphs, relaxed, in the order of the table of compounds; from the files of these parts."""
    found: dict[str, list[EnergyRecord]] = {}
    files = [root / f"reference/{part}.jsonl" for part in parts]
    for path in files:
        here = load_references(existing(path, "reference"))
        for compound, known in here.items():
            for polymorph in known:
                check_labels(path, polymorph, (compound, "reference", polymorph.start, polymorph.seed))
        found |= here
    return {compound: asked(found, compound, files) for compound in wanted}


@dataclass(frozen=True)
class RunFiles:
    """A results folder. compounds: of the run in their order, dft_pso: those of DFT-PSO, per_job: how many a part has (lcom.base.parts),
    judge: `found`, the energies of the structures as they are, or `relaxed`, after a relaxation by CHGNet."""

    root: Path
    compounds: Sequence[str]
    dft_pso: Sequence[str]
    per_job: int
    judge: Judge = "found"

    def references(self, wanted: Sequence[str]) -> dict[str, list[EnergyRecord]]:
        """Compound -> its known polymorphs, relaxed, in the order of the table of compounds."""
        return references(self.root, parts_of(self.compounds, self.per_job, wanted), wanted)

    def energies(self, dataset: str, method: str, start: str, wanted: Sequence[Key]) -> dict[Key, EnergyRecord]:
        """Of a column."""
        if self.judge == "relaxed":  # a file has all columns
            files = self._parts(
                self.root / dataset / "chgnet", ".jsonl", self.compounds, self.per_job, [c for c, _ in wanted]
            )
            every = {file: load_energies(existing(file, "energy_judged")) for file in files}
            own = {f: [e for e in found if (e.method, e.start) == (method, start)] for f, found in every.items()}
            return _keyed(own, method, start, wanted)
        folder = (self.root if shared(method, start) else self.root / dataset) / "energies" / method / start
        compounds, size, rule = self.compounds, self.per_job, "energy"
        if method == "dft_pso":
            compounds, size, rule = self.dft_pso, relaxations_size(self.per_job), "energy_dft_pso"
        elif method == "start":
            rule = {"relaxed": "energy_start", "dataset": "energy_dataset"}[start]
        files = self._parts(folder, ".jsonl", compounds, size, [compound for compound, _ in wanted])
        return _keyed({file: load_energies(existing(file, rule)) for file in files}, method, start, wanted)

    def candidates(self, dataset: str, method: str, start: str, wanted: Sequence[Key]) -> dict[Key, Candidate]:
        """Of a column, or the starts themselves if the method is `start`."""
        if shared(method, start):
            compounds, folder, rule = self.compounds, self.root / "initial", "relax_initial"
            if method == "dft_pso":
                compounds, folder, rule = self.dft_pso, self.root / "candidates/dft_pso", "dft_pso"
            size, names = relaxations_size(self.per_job), [compound for compound, _ in wanted]
            files = self._parts(folder, ".extxyz", compounds, size, names)
        elif method == "start":
            files, rule = [self.root / dataset / "initial.extxyz"], "swap_initial"
        else:
            files, rule = [self.root / dataset / f"candidates/{method}/{start}.extxyz"], "search"
        return _keyed({file: read_candidates(existing(file, rule)) for file in files}, method, start, wanted)

    @staticmethod
    def _parts(folder: Path, suffix: str, compounds: Sequence[str], size: int, wanted: Sequence[str]) -> list[Path]:
        return [folder / f"{name}{suffix}" for name in parts_of(compounds, size, wanted)]


def shared(method: str, start: str) -> bool:
    """Whether no data set has a part in it."""
    return method == "dft_pso" or (method, start) == ("start", "relaxed")


def _keyed(found: dict[Path, list[T]], method: str, start: str, wanted: Sequence[Key]) -> dict[Key, T]:
    """(compound, seed) -> what the files have of it, each of this method and start."""
    result: dict[Key, T] = {}
    for path, members in found.items():
        for member in members:
            check_labels(path, member, (member.compound, method, start, member.seed))
            if (key := (member.compound, member.seed)) in result:
                raise ValueError(f"{path} has {said_of(key)} a second time; delete it to have it made again")
            result[key] = member
    return {key: asked(result, key, list(found)) for key in wanted}


def asked(found: dict, key: str | tuple, files: Sequence[Path]):
    """What is there for a key; ValueError if nothing is."""
    if key not in found:
        where = files[0] if len(files) == 1 else files[0].parent
        raise ValueError(f"{where} has nothing of {said_of(key)}; delete it to have it made again")
    return found[key]


def said_of(key: str | tuple) -> str:
    """MgO, seed 0, step 10"""
    words = ("", ", seed ", ", step ")
    return key if isinstance(key, str) else "".join(f"{word}{part}" for word, part in zip(words, key, strict=False))


def check_labels(path: Path, found: EnergyRecord | Candidate, expected: tuple) -> None:
    """ValueError if a file says another (compound, method, start, seed) than the one that it is read for."""
    if (said := (found.compound, found.method, found.start, found.seed)) != expected:
        raise ValueError(f"{path} belongs to {said}: it was moved or copied; delete it to have it made again")
