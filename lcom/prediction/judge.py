"""An opinion on crystals of one's own: energies, the hull, symmetry, and the nearest of the known crystals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lcom.elements import SYMBOLS
from lcom.prediction.files import analogue_values
from lcom.prediction.given import Given, Refused, read_given
from lcom.prediction.options import Progress
from lcom.prediction.run_folder import CRYSTALS, run_folder
from lcom.prediction.sound import sound

if TYPE_CHECKING:
    from lcom.prediction.analogue import View
    from lcom.prediction.rank import Refined

SCHEMA = 2  # of the JSON: raised when a key changes its meaning or goes
CELL = ("a", "b", "c", "alpha", "beta", "gamma")


@dataclass(frozen=True)
class Verdict:
    """On one crystal.

    file: as in Given · energy: by CHGNet, of the crystal as it is, eV/atom · above_hull: eV/atom, all by CHGNet; None where the data
    set's crystals cannot make the composition · view: of the refined crystal; None where it has elements that no training crystal has
    · warning: what is to be doubted, in words
    """

    file: str
    formula: str
    refined: Refined
    energy: float
    above_hull: float | None
    view: View | None
    warning: str

    def values(self) -> dict:
        """For JSON."""
        crystal, view = self.refined.crystal, self.view
        return {
            "file": self.file,
            "reason": "",
            "warning": self.warning,
            "formula": self.formula,
            "atoms": len(crystal),
            "space_group": self.refined.space_group,
            "symbol": self.refined.symbol,
            "lattice": dict(zip(CELL, crystal.parameters().round(4).tolist(), strict=True)),
            "volume_per_atom": round(crystal.volume / len(crystal), 4),
            "energy": round(self.energy, 5),
            "above_hull": _rounded(self.above_hull, 5),
            "formation_energy": _rounded(view.formation_energy if view else None, 5),
            "surrogate_energy": _rounded(view.energy if view else None, 5),
            "surrogate_spread": _rounded(view.spread if view else None, 5),
            "distance": _rounded(view.distance if view else None, 3),
            "analogue": analogue_values(view.analogue if view else None),
        }


def judge_files(
    files: Sequence[Path], networks: str | None = None, device: str = "auto", progress: Progress = lambda *_: None
) -> Iterator[Verdict | Refused]:
    """A verdict on every crystal of every file."""
    folder = run_folder(networks)
    read = [item for path in files for item in read_given(path)]
    judge = None
    for done, item in enumerate(read):
        if isinstance(item, Refused):
            yield item
            continue
        if judge is None:
            progress("loading the networks and CHGNet", done, len(read))
            judge = _Judge(folder, device)
        progress(f"judging {item.file}", done, len(read))
        yield judge(item)


class _Judge:
    """The networks of a run's folder, CHGNet, and the crystals of the data set."""

    def __init__(self, folder: Path, device: str) -> None:
        from lcom.base.device import prepare_device
        from lcom.data.table import read_crystals
        from lcom.prediction.networks import Trained
        from lcom.prediction.relaxed import Chgnet

        self.trained = Trained.load(folder, prepare_device(device, repeats=False))
        self.elements = set(self.trained.train.batch.numbers.tolist())
        table = folder / CRYSTALS
        self.chgnet = Chgnet(read_crystals(table) if table.is_file() else None)

    def __call__(self, given: Given) -> Verdict | Refused:
        from lcom.prediction.rank import refine

        try:
            crystal = sound(given.crystal)
            refined = refine(crystal)
        except ValueError as error:
            return Refused(given.file, str(error))
        energy = float(self.chgnet.energies([crystal])[0])
        if not np.isfinite(energy):
            return Refused(given.file, "has a cell that CHGNet should not see: too flat or skewed")
        above = self.chgnet.above_hull(crystal, energy)
        view, doubt = self._view(refined)
        warning = "; ".join(filter(None, [given.warning, doubt]))
        return Verdict(given.file, crystal.formula, refined, energy, above, view, warning)

    def _view(self, refined: Refined) -> tuple[View | None, str]:
        """What the networks say, and why it is to be doubted."""
        from lcom.prediction.analogue import views

        if unknown := sorted(set(refined.crystal.numbers.tolist()) - self.elements):
            named = ", ".join(SYMBOLS[z] for z in unknown)
            return None, f"no training crystal has {named}: the networks know nothing of it"
        (view,) = views(self.trained, [refined])
        if view.distance <= 1:
            return view, ""
        far = f"far from the training data ({view.distance:.2f} of the usual distance)"
        return view, f"{far}: what the networks say is a guess"


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
