"""A predicted crystal -> relaxed with GPAW in the symmetry that it nearly has, as extxyz with every step and CIF. Killed, it resumes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lcom.base.files import write_text
from lcom.base.settings import parse_settings
from lcom.candidates import read_candidate, write_candidate
from lcom.compounds import space_group_number
from lcom.dft.relax import Tape, relax, remove_tapes, tape_file, trajectory
from lcom.dft.settings import DftSettings
from lcom.stages.common import options, run


def main() -> None:
    args = options(__doc__, "structure", "config", "out", "state").parse_args()
    settings = parse_settings(DftSettings, args.config, "dft")
    found, out, state = read_candidate(args.structure), Path(args.out), Path(args.state)
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

    name = f"{found.compound}-{found.seed}"
    tape = Tape(tape_file(state, name, start, settings))
    relaxed = relax(start, settings, tape, symmetric=space_group_number(start) > 1)
    labels = {key: getattr(found, key) for key in ("compound", "seed", "method", "start")}
    write_text(out.with_suffix(".cif"), relaxed.crystal.to_cif())
    write_text(out, trajectory(relaxed, info | labels))
    remove_tapes(state, name)


if __name__ == "__main__":
    run(main)
