"""An opinion on crystals of one's own: energies, the hull, symmetry, and the nearest of the known crystals."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lcom.crystal import Crystal
from lcom.elements import MAX_Z, SYMBOLS
from lcom.prediction.files import analogue_values
from lcom.prediction.options import Progress
from lcom.prediction.run_folder import CRYSTALS, run_folder

if TYPE_CHECKING:
    from lcom.prediction.analogue import View
    from lcom.prediction.rank import Refined


@dataclass(frozen=True)
class Verdict:
    """On one crystal. file: with the number of the frame, if there are several · energy: by CHGNet, eV/atom, None where it should not
    see the cell · above_hull: eV/atom, all by CHGNet; None where the data set's crystals cannot make the composition."""

    file: str
    formula: str
    refined: Refined
    energy: float | None
    above_hull: float | None
    view: View

    def values(self) -> dict:
        """For JSON."""
        view = self.view
        return {
            "file": self.file, "reason": "", "formula": self.formula, "atoms": len(self.refined.crystal),
            "space_group": self.refined.space_group, "symbol": self.refined.symbol, "energy": self.energy, "above_hull": self.above_hull,
            "formation_energy": view.formation_energy, "surrogate_energy": view.energy, "surrogate_spread": view.spread,
            "distance": view.distance, "analogue": analogue_values(view.analogue),
        }  # fmt: skip


@dataclass(frozen=True)
class Refused:
    """A file, or a frame of it, that cannot be judged, and why."""

    file: str
    reason: str

    def values(self) -> dict:
        """For JSON."""
        return {"file": self.file, "reason": self.reason}


def judge_files(
    files: Sequence[Path], networks: str | None = None, device: str = "auto", progress: Progress = lambda *_: None
) -> Iterator[Verdict | Refused]:
    """A verdict on every crystal of every file."""
    folder = run_folder(networks)
    read: list[tuple[str, Crystal] | Refused] = []
    for path in files:
        try:
            crystals = read_crystals_of(path)
        except ValueError as error:
            read.append(Refused(str(path), str(error)))
            continue
        read += [(str(path) if len(crystals) == 1 else f"{path}:{i}", c) for i, c in enumerate(crystals)]
    judge = None
    for done, item in enumerate(read):
        if isinstance(item, Refused):
            yield item
            continue
        if judge is None:
            progress("loading the networks and CHGNet", done, len(read))
            judge = _Judge(folder, device)
        progress(f"judging {item[0]}", done, len(read))
        yield judge(*item)


class _Judge:
    """The networks of a run's folder, CHGNet, and the crystals of the data set."""

    def __init__(self, folder: Path, device: str) -> None:
        from lcom.base.device import prepare_device
        from lcom.data.table import read_crystals
        from lcom.prediction.networks import Trained
        from lcom.prediction.relaxed import Chgnet

        self.trained = Trained.load(folder, prepare_device(device, repeats=False))
        table = folder / CRYSTALS
        self.chgnet = Chgnet(read_crystals(table) if table.is_file() else None)

    def __call__(self, name: str, crystal: Crystal) -> Verdict | Refused:
        from lcom.prediction.analogue import views
        from lcom.prediction.rank import refine

        try:
            refined = refine(crystal)
        except ValueError as error:
            return Refused(name, str(error))
        (energy,) = self.chgnet.energies([crystal])
        (view,) = views(self.trained, [refined])
        above = self.chgnet.above_hull(crystal, energy)
        return Verdict(name, crystal.formula, refined, None if np.isnan(energy) else energy, above, view)


def read_crystals_of(path: Path) -> list[Crystal]:
    """Every crystal of a file; a ValueError in one line says why it has none."""
    if not path.is_file():
        raise ValueError("no such file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pymatgen and ASE, on the spelling of a file
            if path.suffix.lower() == ".cif":
                crystals = [Crystal.from_cif(path.read_text(encoding="utf-8"))]
            else:
                from ase.io import read

                frames = read(path, index=":")
                crystals = [Crystal.from_atoms(atoms) for atoms in frames]
    except Exception as error:  # parsers fail in many ways; each is the same to the user: mend the file
        raise ValueError(
            f"cannot be read as a crystal: {' '.join(str(error).split())[:200] or type(error).__name__}"
        ) from None
    if not crystals:
        raise ValueError("has no crystal in it")
    for crystal in crystals:
        if not 1 <= crystal.numbers.min() <= crystal.numbers.max() <= MAX_Z:
            raise ValueError(f"has other elements than H to {SYMBOLS[-1]}")
        if crystal.volume < 1:
            raise ValueError("is no crystal: its cell has no volume")
    return crystals
