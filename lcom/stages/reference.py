"""The known ground state of a compound -> relaxed with GPAW in its symmetry, and its energy. Killed, it resumes."""

from __future__ import annotations

from pathlib import Path

from lcom.base.files import write_json
from lcom.base.settings import parse_settings
from lcom.compounds import load_compounds
from lcom.dft.gpaw import energy, no_energy
from lcom.dft.relax import Tape, relax, remove_tapes, tape_file
from lcom.dft.settings import DftSettings
from lcom.stages.common import options, run


def main() -> None:
    args = options(__doc__, "compounds", "compound", "config", "out", "state").parse_args()
    settings = parse_settings(DftSettings, args.config, "dft")
    (compound,) = load_compounds(args.compounds, [args.compound])
    settings.check(compound.formula, compound.numbers)

    start, state, name = compound.crystal(), Path(args.state), f"{compound.formula}-reference"
    tape = Tape(tape_file(state, name, start, settings))
    relaxed = relax(start, settings, tape, symmetric=True)
    result = no_energy(relaxed.crystal, relaxed.reason) if relaxed.reason else energy(relaxed.crystal, settings)
    labels = {"compound": compound.formula, "seed": 0, "method": "reference", "start": "experiment"}
    steps = {"converged": relaxed.converged, "steps": relaxed.steps, "relax_seconds": round(relaxed.seconds, 2)}
    write_json(args.out, result.record(settings, **labels, **steps))
    remove_tapes(state, name)


if __name__ == "__main__":
    run(main)
