"""The known polymorphs of compounds -> relaxed with GPAW in their symmetry, and their energies. Killed, it resumes."""

from __future__ import annotations

from pathlib import Path

from lcom.base.provenance import provenance
from lcom.base.settings import parse_settings
from lcom.compounds import load_compounds
from lcom.crystal import Crystal
from lcom.dft.cache import KnownEnergies
from lcom.dft.energies import energies, write_energies
from lcom.dft.gpaw import no_energy
from lcom.dft.relaxations import Steps, relaxations
from lcom.dft.settings import DftSettings
from lcom.stages.common import options, run, with_attempts, with_cache


def main() -> None:
    parser = with_cache(with_attempts(options(__doc__, "compounds", "config", "energy-code", "out")))
    parser.add_argument("--only", required=True, nargs="+")
    args = parser.parse_args()
    settings = parse_settings(DftSettings, args.config, "dft")
    starts: dict[tuple[str, int], Crystal] = {}
    for compound in load_compounds(args.compounds, args.only):
        settings.check(compound.formula, compound.numbers)
        starts |= {(compound.formula, k): known.crystal() for k, known in enumerate(compound.known)}
    steps, cache, last = Steps(Path(args.cache) / "relaxations", args.code), Path(args.cache), bool(args.last)
    found = relaxations(starts, settings, steps, args.workers, symmetric=True, last=last)
    known = KnownEnergies(cache / "energies", settings, args.energy_code)
    sound = [key for key, relaxed in found.items() if not relaxed.reason]
    asked = energies([found[key].crystal for key in sound], settings, known, args.workers, last)
    answers = dict(zip(sound, asked, strict=True))
    records: dict[str, dict] = {}
    for (formula, k), relaxed in found.items():
        result, made_by = answers.get((formula, k), (no_energy(relaxed.crystal, relaxed.reason), provenance()))
        labels = {"compound": formula, "seed": 0, "method": "reference", "start": "experiment"}
        said = {"converged": relaxed.converged, "steps": relaxed.steps, "relax_seconds": round(relaxed.seconds, 2)}
        record = result.record(settings, **labels, **said) | {"made_by": made_by}
        if k == 0:
            records[formula] = record
        else:
            records[formula].setdefault("polymorphs", []).append(record)
    write_energies(args.out, records.values())


if __name__ == "__main__":
    run(main)
