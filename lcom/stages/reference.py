"""The known polymorphs of a compound -> relaxed with GPAW in their symmetry, and their energies. Killed, it resumes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from lcom.base.files import write_result
from lcom.base.provenance import provenance
from lcom.base.resume import Records, state
from lcom.base.settings import parse_settings
from lcom.compounds import load_compounds
from lcom.crystal import Crystal
from lcom.dft.child import Died, in_child
from lcom.dft.gpaw import Energy, energy, no_energy
from lcom.dft.relax import Relaxation, no_relaxation, relax
from lcom.dft.settings import DftSettings
from lcom.stages.common import resumable, run, with_attempts


def main() -> None:
    args = with_attempts(resumable(__doc__, "compounds", "compound", "config", "out")).parse_args()
    settings = parse_settings(DftSettings, args.config, "dft")
    (compound,) = load_compounds(args.compounds, [args.compound])
    settings.check(compound.formula, compound.numbers)

    starts = [known.crystal() for known in compound.known]
    with state(args.state, args.code, [start.content() for start in starts], dataclasses.asdict(settings)) as folder:
        files = [folder / f"{k}.records" for k in range(len(starts))]
        first, *others = [
            record(compound.formula, start, file, settings, bool(args.last))
            for start, file in zip(starts, files, strict=True)
        ]
        write_result(args.out, first | ({"polymorphs": others} if others else {}))


def record(formula: str, start: Crystal, file: Path, settings: DftSettings, last: bool) -> dict:
    """What the file says of one polymorph; if GPAW dies in the last attempt, that."""

    def said(relaxed: Relaxation, result: Energy) -> dict:
        labels = {"compound": formula, "seed": 0, "method": "reference", "start": "experiment"}
        steps = {"converged": relaxed.converged, "steps": relaxed.steps, "relax_seconds": round(relaxed.seconds, 2)}
        return result.record(settings, **labels, **steps) | {"made_by": provenance()}

    def calculate() -> dict:
        relaxed = relax(start, settings, Records(file), symmetric=True)
        return said(
            relaxed,
            no_energy(relaxed.crystal, relaxed.reason) if relaxed.reason else energy(relaxed.crystal, settings),
        )

    try:
        return in_child(calculate)
    except Died as death:
        if not last:
            raise
        return said(no_relaxation(start, str(death)), no_energy(start, str(death)))


if __name__ == "__main__":
    run(main)
