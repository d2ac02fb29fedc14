"""Formulas -> ranked crystals: what `lcom predict` and `from lcom import predict` run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from lcom.formula import Formula, read_formula
from lcom.prediction.options import Options, Progress
from lcom.prediction.possible import Possible
from lcom.prediction.predicted import Answer, Predicted
from lcom.prediction.run_folder import run_folder, training_set

if TYPE_CHECKING:
    from pymatgen.core import Composition

TOGETHER = 8  # formulas in a batch


Asked = dict[str, tuple[Formula, list[int]]]  # as it was written -> its composition, and the atoms in the cells to try


def predict(formula: str | Composition, **options) -> list[Predicted]:
    """Ranked crystals of a formula, the most promising first; options are those of `Options`. A ValueError says why there are none."""
    chosen = Options(**options)
    asked, refused = read([str(formula)], chosen)
    (answer,) = refused or answers(asked, chosen)
    if answer.reason:
        raise ValueError(answer.reason)
    return answer.crystals


def read(formulas: Iterable[str], options: Options) -> tuple[Asked, list[Answer]]:
    """What can be asked of the networks, each composition once, and the answers to formulas that are impossible; without torch."""
    possible = Possible.load(training_set(run_folder(options.networks)))
    asked: Asked = {}
    refused: list[Answer] = []
    names: set[str] = set()
    for text in dict.fromkeys(formulas):
        name = note = ""
        try:
            formula = read_formula(text)
            name, note = formula.name, formula.note
            if name not in names:
                names.add(name)
                asked[text] = formula, possible.sizes(formula, options.units, options.atoms)
        except ValueError as error:
            refused.append(Answer(text, name, note, [], str(error)))
    return asked, refused


def answers(asked: Asked, options: Options, progress: Progress = lambda *_: None) -> Iterator[Answer]:
    """In order, each as soon as it is there."""
    progress("loading the networks", 0, len(asked))
    from lcom.prediction.search import Search  # torch, which takes seconds

    search, waiting = Search(run_folder(options.networks), options), list(asked.items())
    for done in range(0, len(waiting), TOGETHER):
        group = waiting[done : done + TOGETHER]
        found = search.run([one for _, one in group], lambda what, done=done: progress(what, done, len(waiting)))
        progress("", done + len(group), len(waiting))
        for text, (formula, _) in group:
            yield Answer(text, formula.name, formula.note, *found[formula.name])
