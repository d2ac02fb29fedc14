"""The known polymorphs of a compound -> relaxed with GPAW in their symmetry, and their energies. Killed, it resumes."""

from __future__ import annotations

from pathlib import Path

from lcom.base.files import write_json
from lcom.base.settings import parse_settings
from lcom.compounds import Compound, load_compounds
from lcom.dft.gpaw import energy, no_energy
from lcom.dft.relax import Tape, relax, remove_tapes, tape_file
from lcom.dft.settings import DftSettings
from lcom.stages.common import options, run


def main() -> None:
    args = options(__doc__, "compounds", "compound", "config", "out", "state").parse_args()
    settings = parse_settings(DftSettings, args.config, "dft")
    (compound,) = load_compounds(args.compounds, [args.compound])
    settings.check(compound.formula, compound.numbers)

    state, name = Path(args.state), f"{compound.formula}-reference"
    first, *others = [record(known, settings, state, name) for known in compound.known]
    write_json(args.out, first | ({"polymorphs": others} if others else {}))
    remove_tapes(state, name)


def record(known: Compound, settings: DftSettings, state: Path, name: str) -> dict:
    """What the file says of one polymorph."""
    start = known.crystal()
    tape = Tape(tape_file(state, name, start, settings))
    relaxed = relax(start, settings, tape, symmetric=True)
    result = no_energy(relaxed.crystal, relaxed.reason) if relaxed.reason else energy(relaxed.crystal, settings)
    labels = {"compound": known.formula, "seed": 0, "method": "reference", "start": "experiment"}
    steps = {"converged": relaxed.converged, "steps": relaxed.steps, "relax_seconds": round(relaxed.seconds, 2)}
    return result.record(settings, **labels, **steps)


if __name__ == "__main__":
    run(main)
