"""Training crystals -> a column of Table 1 without a network: the lowest crystal of the most similar composition, atoms swapped."""

from __future__ import annotations

import time
from pathlib import Path

from lcom.base.files import write_result, write_text
from lcom.candidates import Candidate, no_crystal, write_candidate
from lcom.compounds import load_compounds
from lcom.data.packed import Dataset
from lcom.stages.common import options, run
from lcom.starts.lookup import analogues
from lcom.starts.volume import fit_volumes


def main() -> None:
    parser = options(__doc__, "method", "train", "compounds", "out-dir", "timing")
    parser.add_argument("--only", nargs="+", required=True)
    args = parser.parse_args()
    data = Dataset.load(args.train)
    compounds = load_compounds(args.compounds, args.only)
    begun = time.perf_counter()
    volumes = fit_volumes(data.batch)
    for compound in compounds:
        labels = {"compound": compound.formula, "seed": 0, "method": args.method, "start": "none"}
        try:
            (crystal,) = analogues(data, compound.numbers, volumes)
            candidate, cif = Candidate(crystal, **labels), crystal.to_cif()
        except ValueError as error:  # recorded, the other compounds go on
            candidate = Candidate(no_crystal(compound.numbers), status="failed", reason=str(error), **labels)
            cif = f"# no crystal: {error}\n"
        path = Path(args.out_dir) / "none" / f"{compound.formula}-0.extxyz"
        write_candidate(path, candidate)
        write_text(path.with_suffix(".cif"), cif)
    write_result(args.timing, {"propose": (time.perf_counter() - begun) / len(compounds)})


if __name__ == "__main__":
    run(main)
