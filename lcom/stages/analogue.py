"""Training crystals -> a column of Table 1 without a network: the lowest crystal of the most similar composition, atoms swapped."""

from __future__ import annotations

import time
from pathlib import Path

from lcom.base.files import write_result
from lcom.candidates import Candidate, Labels, no_crystal, write_candidates, write_cifs
from lcom.compounds import load_compounds
from lcom.data.packed import Dataset
from lcom.stages.common import options, run
from lcom.starts.lookup import analogues
from lcom.starts.volume import fit_volumes


def main() -> None:
    parser = options(__doc__, "method", "train", "compounds", "out", "timing")
    parser.add_argument("--only", nargs="*", default=[])
    args = parser.parse_args()
    data = Dataset.load(args.train)
    compounds = load_compounds(args.compounds, args.only)
    begun = time.perf_counter()
    volumes = fit_volumes(data.batch)
    candidates = []
    for compound in compounds:
        labels = Labels(compound=compound.formula, seed=0, method=args.method, start="none")
        try:
            (crystal,) = analogues(data, [compound.numbers], volumes)
            candidates.append(Candidate(crystal, **labels))
        except ValueError as error:  # recorded, the other compounds go on
            lost = no_crystal(compound.numbers)
            candidates.append(Candidate(lost, status="failed", reason=str(error), **labels))
    seconds = time.perf_counter() - begun
    write_cifs(Path(args.out).with_suffix(".cif"), candidates)
    write_candidates(args.out, candidates)
    write_result(args.timing, {"propose": seconds / len(compounds)})


if __name__ == "__main__":
    run(main)
