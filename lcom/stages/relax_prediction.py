"""A predicted crystal -> relaxed with GPAW in the symmetry that it nearly has, as extxyz with every step and CIF. Killed, it resumes."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from lcom.base.files import write_text
from lcom.base.resume import Records, state
from lcom.base.settings import parse_settings
from lcom.candidates import read_candidate, write_candidate
from lcom.compounds import space_group_number
from lcom.dft.relax import relax, trajectory
from lcom.dft.settings import DftSettings
from lcom.stages.common import resumable, run


def main() -> None:
    args = resumable(__doc__, "structure", "config", "out").parse_args()
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
        relaxed = relax(start, settings, Records(folder / "steps.records"), symmetric=space_group_number(start) > 1)
        write_text(out.with_suffix(".cif"), relaxed.crystal.to_cif())
        write_text(out, trajectory(relaxed, info | labels))


if __name__ == "__main__":
    run(main)
