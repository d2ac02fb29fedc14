"""A predicted crystal -> relaxed with GPAW in the symmetry that it nearly has, as extxyz with every step and CIF. Killed, it resumes."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from lcom.base.files import write_text
from lcom.base.resume import Records, state
from lcom.base.settings import parse_settings
from lcom.candidates import read_candidate, write_candidate
from lcom.compounds import space_group_number
from lcom.dft.child import Died, in_child
from lcom.dft.relax import no_relaxation, relax, trajectory
from lcom.dft.settings import DftSettings
from lcom.stages.common import resumable, run, with_attempts


def main() -> None:
    args = with_attempts(resumable(__doc__, "structure", "config", "out")).parse_args()
    settings = parse_settings(DftSettings, args.config, "dft")
    found, out = read_candidate(args.structure), Path(args.out)
    settings.check(found.compound, found.crystal.numbers)
    info = found.info or {}
    if found.status == "ok":
        try:
            start = found.crystal.canonical()
        except ValueError as error:
            found = replace(found, status="failed", reason=str(error))
    if found.status != "ok":  # recorded, the other structures go on
        write_text(out.with_suffix(".cif"), f"# no crystal: {found.reason}\n")
        write_candidate(out, replace(found, info=info | {"converged": False}))
        return

    labels = {key: getattr(found, key) for key in ("compound", "seed", "method", "start")}
    with state(args.state, args.code, start.content(), asdict(settings)) as folder:
        records, symmetric = Records(folder / "steps.records"), space_group_number(start) > 1
        try:
            relaxed = in_child(lambda: relax(start, settings, records, symmetric=symmetric))
        except Died as death:
            if not args.last:
                raise
            relaxed = no_relaxation(start, str(death))
        write_text(out.with_suffix(".cif"), relaxed.crystal.to_cif())
        write_text(out, trajectory(relaxed, info | labels))


if __name__ == "__main__":
    run(main)
