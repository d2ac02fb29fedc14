"""A start or candidate -> its energy with GPAW at the settings that all compared energies share."""

from __future__ import annotations

from lcom.base.files import write_result
from lcom.base.provenance import provenance
from lcom.base.settings import parse_settings
from lcom.candidates import read_candidate
from lcom.dft.child import Died, in_child
from lcom.dft.gpaw import Energy, energy, no_energy
from lcom.dft.settings import DftSettings
from lcom.stages.common import options, run, with_attempts


def main() -> None:
    args = with_attempts(options(__doc__, "structure", "config", "out")).parse_args()
    settings = parse_settings(DftSettings, args.config, "dft")
    candidate = read_candidate(args.structure)
    settings.check(candidate.compound, candidate.crystal.numbers)
    labels = {key: getattr(candidate, key) for key in ("compound", "method", "start")}

    def record(result: Energy) -> dict:
        return result.record(settings, seed=int(candidate.seed), **labels) | {"made_by": provenance()}

    if candidate.status == "ok":
        try:
            values = in_child(lambda: record(energy(candidate.crystal, settings)))
        except Died as death:
            if not args.last:
                raise
            values = record(no_energy(candidate.crystal, str(death)))
    else:
        values = record(no_energy(candidate.crystal, candidate.reason or "failed before its energy, without a reason"))
    write_result(args.out, values)


if __name__ == "__main__":
    run(main)
