"""The columns of Table 1: what each is called, what it starts from and which files say how long it took."""

from __future__ import annotations

from dataclasses import dataclass

STARTS = ("relaxed", "dataset", "search")  # a search has no start: its group of columns has its own name
TIMINGS = {  # of a kind of method: file under results/{dataset}, the rule that makes it, the keys in it
    "descent": (
        ("optimise/{}.json", "optimise", ("encode", "optimise")),
        ("candidates/{}/timing.json", "decode", ("decode",)),
    ),
    "search": (("candidates/{}/timing.json", "search", ("propose", "model")),),
}


@dataclass(frozen=True)
class Method:
    """label: in the tables · kind: descent in latent space, start (of the descents, as it is), search with an energy model, or
    dft_search, which knows no data set · starts: of STARTS."""

    label: str
    kind: str
    starts: tuple[str, ...]


METHODS = {
    "lcoms": Method("LCOMs", "descent", STARTS[:2]),
    "sl": Method("SL", "descent", STARTS[:2]),
    "cdvae": Method("CD-VAE", "descent", STARTS[:2]),
    "start": Method("start", "start", STARTS[:2]),
    "ras": Method("RAS", "search", STARTS[2:]),
    "pso": Method("PSO", "search", STARTS[2:]),
    "bo": Method("BO", "search", STARTS[2:]),
    "dft_pso": Method("DFT-PSO", "dft_search", STARTS[2:]),
}
