"""The columns of Table 1: what each is called, what it starts from and which files say how long it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lcom.surrogate.settings import METHODS, MethodSettings

STARTS = (
    "relaxed",
    "dataset",
    "none",
    "search",
)  # groups of columns; a search has no start either, but many candidates
TIMINGS = {  # of a kind of method: file under results/{dataset}, the rule that makes it, the keys in it
    "descent": (
        ("optimise/{}.json", "optimise", ("encode", "optimise")),
        ("candidates/{}/timing.json", "decode", ("decode",)),
    ),
    "analogue": (("candidates/{}/timing.json", "analogue", ("propose",)),),
    "many": (("candidates/{}/timing.json", "many", ("propose",)),),
    "mlp": (("candidates/{}/timing.json", "mlp", ("propose", "relax")),),
    "search": (("candidates/{}/timing.json", "search", ("propose", "model")),),
}
SURROGATES = {"lcoms": "LCOMs", "sl": "SL"}  # what figures call a descent on them


@dataclass(frozen=True)
class Method:
    """label: in the tables · about: what it does · kind: that of the config's column, start (of the descents, as it is), search with
    an energy model, or dft_search, which knows no data set · starts: of STARTS · chance: whether its structures differ from seed
    to seed; there is one of each compound if not · relaxations: that a structure costs, beside that of its start."""

    label: str
    about: str
    kind: str
    starts: tuple[str, ...]
    chance: bool = True
    relaxations: int = 0

    def seeds(self, count: int) -> range:
        return range(count if self.chance else 1)


def table_methods(columns: Mapping[str, MethodSettings], starts: Sequence[str]) -> dict[str, Method]:
    """The columns of the default config in its order, those of one's own, then the starts themselves, then the searches."""
    begun = tuple(start for start in STARTS if start in starts)
    # files of a config are merged with the last one first: its columns would stand before LCOMs
    order = [*(name for name in METHODS if name in columns), *(name for name in columns if name not in METHODS)]
    return {
        **{name: _of(name, columns[name], begun) for name in order},
        "start": Method("start", "what the others from it begin from", "start", begun),
        "ras": Method("RAS", "random search", "search", ("search",)),
        "pso": Method("PSO", "particle swarm", "search", ("search",)),
        "bo": Method("BO", "Bayesian optimisation", "search", ("search",)),
        "dft_pso": Method("DFT-PSO", "particle swarm with energies of GPAW", "dft_search", ("search",)),
    }


def _of(name: str, column: MethodSettings, starts: tuple[str, ...]) -> Method:
    label = column.label or name
    if column.kind == "analogue":
        about = "the lowest crystal of the training composition most alike, atoms swapped; no network, no chance"
        return Method(label, about, column.kind, ("none",), chance=False)
    if column.kind == "mlp":
        about = f"{column.draws} symmetric random structures relaxed by CHGNet, the lowest by it; nothing learned here"
        return Method(label, about, column.kind, ("none",), relaxations=column.draws)
    if column.kind == "many":
        about = (
            f"from up to {column.draws} swapped training crystals {_path(column)}; of the {column.decoded} lowest ends, decoded, "
            f"the lowest by {_judge(column)}"
        )
        return Method(label, about, column.kind, ("none",))
    return Method(label, _about(column), column.kind, ("none",) if column.latent == "prior" else starts)


def _about(column: MethodSettings) -> str:
    begun = " from a latent of the prior" if column.latent == "prior" else ""
    kept = "the closest to the latent" if column.choice == "latent" else f"the lowest by {_judge(column)}"
    decoded = f"of {column.samples} decodings {kept}" if column.samples > 1 else "one decoding"
    return f"{_path(column)}{begun}; {decoded}"


def _judge(column: MethodSettings) -> str:
    many = column.kind == "many"
    if column.choice == "energy_model":
        return "the energy model" + (", each where it finds its minimum" if many else "")
    named = SURROGATES[column.surrogate]
    return f"the surrogates of {named} of all seeds, which vote" if many else f"the surrogate of {named}"


def _path(column: MethodSettings) -> str:
    if not column.steps:
        return "no step"
    stopped = ", stopped before it leaves the data" if column.stop == "distance" else ""
    return f"{column.steps} steps on the surrogate of {SURROGATES[column.surrogate]}{stopped}"
