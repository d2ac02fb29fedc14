"""The known ground state of a compound -> relaxed with GPAW in its symmetry, and its energy. Killed, it resumes."""

from __future__ import annotations

import dataclasses

from lcom.base.files import write_json
from lcom.base.resume import Records, state
from lcom.base.settings import parse_settings
from lcom.compounds import load_compounds
from lcom.dft.gpaw import energy, no_energy
from lcom.dft.relax import relax
from lcom.dft.settings import DftSettings
from lcom.stages.common import resumable, run


def main() -> None:
    args = resumable(__doc__, "compounds", "compound", "config", "out").parse_args()
    settings = parse_settings(DftSettings, args.config, "dft")
    (compound,) = load_compounds(args.compounds, [args.compound])
    settings.check(compound.formula, compound.numbers)

    start = compound.crystal()
    with state(args.state, args.code, start.content(), dataclasses.asdict(settings)) as folder:
        relaxed = relax(start, settings, Records(folder / "steps.records"), symmetric=True)
        result = no_energy(relaxed.crystal, relaxed.reason) if relaxed.reason else energy(relaxed.crystal, settings)
        labels = {"compound": compound.formula, "seed": 0, "method": "reference", "start": "experiment"}
        steps = {"converged": relaxed.converged, "steps": relaxed.steps, "relax_seconds": round(relaxed.seconds, 2)}
        write_json(args.out, result.record(settings, **labels, **steps))


if __name__ == "__main__":
    run(main)
