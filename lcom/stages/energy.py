"""Starts or candidates -> their energies with GPAW at the settings that all compared energies share. Killed, it loses none."""

from __future__ import annotations

from pathlib import Path

from lcom.base.provenance import provenance
from lcom.base.settings import parse_settings
from lcom.candidates import read_candidates
from lcom.dft.cache import KnownEnergies
from lcom.dft.energies import energies, write_energies
from lcom.dft.gpaw import no_energy
from lcom.dft.settings import DftSettings
from lcom.stages.common import options, run, with_attempts, with_cache


def main() -> None:
    parser = with_cache(with_attempts(options(__doc__, "config", "out")))
    parser.add_argument("--structures", required=True, nargs="+")
    parser.add_argument("--only", nargs="*", default=[], help="these compounds alone")
    args = parser.parse_args()
    settings = parse_settings(DftSettings, args.config, "dft")
    candidates = [candidate for file in args.structures for candidate in read_candidates(file, args.only)]
    if missing := [name for name in args.only if name not in {candidate.compound for candidate in candidates}]:
        raise ValueError(f"{args.structures[0]} has nothing of {', '.join(missing)}: delete it and run again")
    for candidate in candidates:
        settings.check(candidate.compound, candidate.crystal.numbers)
    known = KnownEnergies(Path(args.cache) / "energies", settings, args.code)
    sound = [i for i, candidate in enumerate(candidates) if candidate.status == "ok"]
    asked = energies([candidates[i].crystal for i in sound], settings, known, args.workers, bool(args.last))
    answers = dict(zip(sound, asked, strict=True))
    records = []
    for i, candidate in enumerate(candidates):
        reason = candidate.reason or "failed before its energy, without a reason"
        result, made_by = answers.get(i, (no_energy(candidate.crystal, reason), provenance()))
        labels = {key: getattr(candidate, key) for key in ("compound", "seed", "method", "start")}
        if candidate.info and "step" in candidate.info:
            labels["step"] = int(candidate.info["step"])
        records.append(result.record(settings, **labels) | {"made_by": made_by})
    write_energies(args.out, records)


if __name__ == "__main__":
    run(main)
