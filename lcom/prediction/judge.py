"""An opinion on crystals of one's own: energies, the hull, symmetry, and the nearest of the known crystals."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lcom.crystal import Crystal
from lcom.elements import MAX_Z, SYMBOLS
from lcom.prediction.predict import Progress
from lcom.prediction.run_folder import run_folder


@dataclass(frozen=True)
class Verdict:
    """file: with the number of the frame, if there are several · energy: by CHGNet, eV/atom, None where it should not see the cell ·
    above_hull: eV/atom, by CHGNet · reason: why there is none of all this."""

    file: str
    formula: str = ""
    refined: object = None
    energy: float | None = None
    above_hull: float | None = None
    view: object = None
    reason: str = ""

    def values(self) -> dict:
        """For JSON."""
        if self.reason:
            return {"file": self.file, "reason": self.reason}
        view, like = self.view, self.view.analogue
        return {
            "file": self.file, "formula": self.formula, "reason": "", "atoms": len(self.refined.crystal),
            "space_group": self.refined.space_group, "symbol": self.refined.symbol, "energy": self.energy, "above_hull": self.above_hull,
            "formation_energy": view.formation_energy, "surrogate_energy": view.energy, "surrogate_spread": view.spread,
            "distance": view.distance,
            "analogue": like and {"id": like.id, "formula": like.formula, "space_group": like.space_group, "same_type": like.same_type},
        }  # fmt: skip


def judge_files(
    files: Sequence[Path], networks: str | None = None, device: str = "auto", progress: Progress = lambda *_: None
) -> Iterator[Verdict]:
    """A verdict on every crystal of every file."""
    folder = run_folder(networks)
    read: list[tuple[str, Crystal] | Verdict] = []
    for path in files:
        try:
            crystals = read_crystals_of(path)
        except ValueError as error:
            read.append(Verdict(str(path), reason=str(error)))
            continue
        read += [(str(path) if len(crystals) == 1 else f"{path}:{i}", c) for i, c in enumerate(crystals)]
    if not any(isinstance(item, tuple) for item in read):
        yield from read
        return
    progress("loading the networks and CHGNet", 0, len(read))
    from lcom.base.device import prepare_device
    from lcom.data.table import read_crystals
    from lcom.prediction.analogue import views
    from lcom.prediction.networks import Trained
    from lcom.prediction.rank import refine
    from lcom.prediction.relaxed import Chgnet
    from lcom.prediction.run_folder import CRYSTALS

    trained = Trained.load(folder, prepare_device(device))
    chgnet = Chgnet(read_crystals(folder / CRYSTALS) if (folder / CRYSTALS).is_file() else None)
    for done, item in enumerate(read):
        if isinstance(item, Verdict):
            yield item
            continue
        name, crystal = item
        progress(f"judging {name}", done, len(read))
        try:
            refined = refine(crystal)
        except ValueError as error:
            yield Verdict(name, reason=str(error))
            continue
        energy = chgnet.energies([crystal])[0]
        (view,) = views(trained, [refined])
        above = chgnet.above_hull(crystal, energy)
        yield Verdict(name, crystal.formula, refined, None if np.isnan(energy) else energy, above, view)


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
