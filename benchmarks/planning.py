"""What Snakemake's planning costs, by the number of compounds: CPU seconds and memory of `snakemake -n`, nothing made yet.

    python benchmarks/planning.py 26 250 1000 10000

Made-up compounds of rocksalt and fluorite type, all methods of the config with DFT-PSO for each, three seeds. The first plan of a table
also builds its structures, which the second one finds done.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml

from lcom.elements import SYMBOLS, covalent_radius

ROOT = Path(__file__).resolve().parents[1]
HEADER = "formula,n_atoms,space_group,prototype,a,b,c,alpha,beta,gamma,source"
TYPES = (("{}{}", 2, "rocksalt", 2.0), ("{}{}2", 3, "fluorite", 4 / 3**0.5))  # and the cell's edge in bond lengths


def table(count: int) -> str:
    """So many compounds that may never have been seen."""
    rows = [HEADER]
    for (name, n_atoms, prototype, edge), (first, second) in itertools.product(
        TYPES, itertools.permutations(range(1, 95), 2)
    ):
        if prototype == "rocksalt" and first > second:
            continue
        bond = covalent_radius(np.array([first, second])).sum()
        cell = f"{edge * bond:.3f}"
        rows.append(
            f"{name.format(SYMBOLS[first], SYMBOLS[second])},{n_atoms},225,{prototype},{cell},{cell},{cell},90,90,90,made up"
        )
    if count >= len(rows):
        raise ValueError(f"no more than {len(rows) - 1} compounds")
    return "\n".join(rows[: count + 1]) + "\n"


def project(folder: Path, compounds: int, dft_pso: bool = True) -> Path:
    """A copy of the workflow with such a table."""
    for part in ("Snakefile", "config.yaml", "config", "rules", "lcom", "envs", "profiles"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    (folder / "data").mkdir()
    (folder / "data/prototypes.jsonl.gz").touch()
    (folder / "data/many.csv").write_text(table(compounds), encoding="utf-8")
    formulas = [line.split(",")[0] for line in table(compounds).splitlines()[1:]]
    overlay = {"compounds": "data/many.csv", "search": {"dft_pso": {"compounds": formulas if dft_pso else []}}}
    (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    return folder


def plan(folder: Path) -> tuple[float, float, int]:
    """CPU seconds, GB at most, jobs."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-n",
        "--quiet",
        "rules",
        "--cores",
        "8",
        "--configfile",
        "overlay.yaml",
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    text = (folder / "said").read_text()
    if status:
        sys.exit(text)
    jobs = int(re.findall(r"^total +(\d+)$", text, flags=re.M)[-1])
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6, jobs


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("compounds", type=int, nargs="*", default=[26, 250, 1000, 10000])
    print("compounds    jobs   first, CPU s    again   GB")
    for compounds in parser.parse_args().compounds:
        with tempfile.TemporaryDirectory() as folder:
            first, _, _ = plan(project(Path(folder), compounds))
            again, memory, jobs = plan(Path(folder))
        print(f"{compounds:9d} {jobs:7d} {first:14.1f} {again:8.1f} {memory:4.1f}", flush=True)


if __name__ == "__main__":
    main()
