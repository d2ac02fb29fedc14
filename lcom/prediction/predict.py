"""Formulas -> ranked crystals: what `lcom predict` and `from lcom import predict` run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lcom.formula import Formula, read_formula
from lcom.prediction.possible import Possible
from lcom.prediction.predicted import Answer, Predicted
from lcom.prediction.run_folder import TRAIN, run_folder

RELAXATIONS = ("none", "chgnet")
TOGETHER = 8  # formulas in a batch
Progress = Callable[[str, int, int], None]  # what is being done, formulas done, formulas in all


@dataclass(frozen=True)
class Options:
    """What may be asked beside the formulas.

    keep: crystals of each formula · atoms, units: cell sizes to try, in atoms or formula units · relax: none or chgnet · space_group:
    the only one that is kept · networks: folder of a run · device: auto, cpu or cuda
    """

    keep: int = 6
    atoms: tuple[int, ...] | None = None
    units: tuple[int, ...] | None = None
    relax: str = "none"
    space_group: int | None = None
    networks: str | Path | None = None
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.atoms is not None and self.units is not None:
            raise ValueError("cell sizes are given by atoms or by units, not by both")
        for name in ("atoms", "units"):
            if (sizes := getattr(self, name)) is not None and (not sizes or min(sizes) < 1):
                raise ValueError(f"{name}: whole numbers from 1 on are needed, got {list(sizes)}")
        if self.keep < 1:
            raise ValueError(f"keep: at least 1, got {self.keep}")
        if self.relax not in RELAXATIONS:
            raise ValueError(f"relax: {' or '.join(RELAXATIONS)}, got {self.relax!r}")
        if self.space_group is not None and not 1 <= self.space_group <= 230:
            raise ValueError(f"space group: a number from 1 to 230, got {self.space_group}")


def predict(formula: str, **options) -> list[Predicted]:
    """Ranked crystals of a formula, lowest first; options are those of `Options`. A ValueError says why there are none."""
    (answer,) = answers([formula], Options(**options))
    if answer.reason:
        raise ValueError(answer.reason)
    return answer.crystals


def answers(formulas: Sequence[str], options: Options, progress: Progress = lambda *_: None) -> Iterator[Answer]:
    """Those to formulas that are impossible first, before the networks are loaded, then the others in order."""
    folder = run_folder(options.networks)
    possible = Possible.load(folder / TRAIN)
    asked: list[tuple[str, Formula]] = []
    sizes: dict[str, tuple[Formula, list[int]]] = {}
    for text in formulas:
        formula = None
        try:
            formula = read_formula(text)
            sizes[formula.name] = formula, possible.sizes(formula, options.units, options.atoms)
            asked.append((text, formula))
        except ValueError as error:
            yield Answer(text, formula.name if formula else "", formula.note if formula else "", [], str(error))
    if not asked:
        return
    progress("loading the networks", 0, len(sizes))
    from lcom.prediction.search import Search  # torch, which takes seconds

    search, waiting = Search(folder, options), list(sizes.values())
    found: dict[str, tuple[list[Predicted], str]] = {}
    for text, formula in asked:
        while formula.name not in found:
            done = len(found)
            found |= search.run(
                waiting[done : done + TOGETHER], lambda what, done=done: progress(what, done, len(waiting))
            )
        progress("", len(found), len(waiting))
        yield Answer(text, formula.name, formula.note, *found[formula.name])
