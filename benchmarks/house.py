"""The house before and after: modules, lines, longest file and imports of each room of lcom/, at one commit or several.

python benchmarks/house.py 3ec1498 HEAD
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENTRANCES = ("cli", "config", "__main__")  # beside the nouns, and above all rooms


def room(module: str) -> str:
    """The folder that a module lies in."""
    parts = module.split(".")
    return f"lcom/{parts[1]}" if len(parts) > 2 else "entrances" if parts[1] in ENTRANCES else "lcom/*.py"


def survey(root: Path) -> tuple[dict[str, list[int]], Counter[tuple[str, str]]]:
    """Room -> lines of each of its modules; and how many modules of one room import each module of another."""
    sys.path.insert(0, str(ROOT))
    from rules.common import imported_names

    files = {
        ".".join(file.relative_to(root).with_suffix("").parts): file
        for file in sorted((root / "lcom").rglob("*.py"))
        if file.name != "__init__.py"
    }
    lines: dict[str, list[int]] = {}
    across: Counter[tuple[str, str]] = Counter()
    for module, file in files.items():
        lines.setdefault(room(module), []).append(len(file.read_text(encoding="utf-8").splitlines()))
        across.update((room(module), room(name)) for name in imported_names(file, module) if name in files)
    return lines, Counter({pair: count for pair, count in across.items() if pair[0] != pair[1]})


def both_ways(across: Counter[tuple[str, str]]) -> int:
    """Pairs of rooms that import each other."""
    return sum((b, a) in across for a, b in across) // 2


def table(commit: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", commit, "lcom"], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        lines, across = survey(Path(folder))
    rows = ["| room | modules | lines | longest | rooms it imports |", "|---|---|---|---|---|"]
    for name in sorted(lines):
        used = ", ".join(sorted(b.removeprefix("lcom/") for a, b in across if a == name))
        rows.append(f"| {name} | {len(lines[name])} | {sum(lines[name])} | {max(lines[name])} | {used} |")
    every = [n for counts in lines.values() for n in counts]
    rows.append(f"| all | {len(every)} | {sum(every)} | {max(every)} | |")
    total = f"{sum(across.values())} imports across rooms, {both_ways(across)} pairs of rooms import each other"
    return "\n".join([f"{commit}: {total}", "", *rows])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commits", nargs="+")
    print("\n\n".join(table(commit) for commit in parser.parse_args().commits))
