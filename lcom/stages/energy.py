"""A start or candidate -> its energy with GPAW at the settings that all compared energies share."""

from __future__ import annotations

from lcom.base.files import write_result
from lcom.base.settings import parse_settings
from lcom.candidates import read_candidate
from lcom.dft.gpaw import energy, no_energy
from lcom.dft.settings import DftSettings
from lcom.stages.common import options, run


def main() -> None:
    args = options(__doc__, "structure", "config", "out").parse_args()
    settings = parse_settings(DftSettings, args.config, "dft")
    candidate = read_candidate(args.structure)
    settings.check(candidate.compound, candidate.crystal.numbers)
    if candidate.status == "ok":
        result = energy(candidate.crystal, settings)
    else:
        result = no_energy(candidate.crystal, candidate.reason or "failed before its energy, without a reason")
    labels = {key: getattr(candidate, key) for key in ("compound", "method", "start")}
    write_result(args.out, result.record(settings, seed=int(candidate.seed), **labels))


if __name__ == "__main__":
    run(main)
