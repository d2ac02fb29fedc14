"""Formulas -> ranked crystals: what `lcom predict` and `from lcom import predict` run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lcom.formula import Formula, read_formula
from lcom.prediction.options import Options, Progress
from lcom.prediction.possible import Possible
from lcom.prediction.predicted import Answer, Predicted
from lcom.prediction.run_folder import run_folder, training_set

TOGETHER = 8  # formulas in a batch


def predict(formula: str, **options) -> list[Predicted]:
    """Ranked crystals of a formula, the most promising first; options are those of `Options`. A ValueError says why there are none."""
    (answer,) = answers([formula], Options(**options))
    if answer.reason:
        raise ValueError(answer.reason)
    return answer.crystals


def answers(formulas: Sequence[str], options: Options, progress: Progress = lambda *_: None) -> Iterator[Answer]:
    """Those to formulas that are impossible first, before the networks are loaded, then the others in order."""
    folder = run_folder(options.networks)
    possible = Possible.load(training_set(folder))
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
