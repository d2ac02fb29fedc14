"""What the numbers of a table were made with, as one line under it: commit, versions and devices, of all the files together."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from lcom.base.provenance import provenance
from lcom.report.origins import made_by

FOLDERS = ("reference", "energies", "candidates")  # of a run and of its data sets


def made_with(results: Path) -> str:
    """A paragraph of Markdown. Where files differ, as after an update halfway, each version that there is stands in it."""
    found: dict[str, set[str]] = defaultdict(set)
    for said in [provenance(), *_said(results)]:
        found["lcom"].add(f"{said.get('lcom', '?')} (commit {said.get('commit', '')[:10] or 'unknown'})")
        found["Python"].add(str(said.get("python", "?")))
        found["device"].add(str(said.get("device", "?")))
        for name, version in said.get("packages", {}).items():
            found[name].add(str(version))
    devices = " and ".join(sorted(found.pop("device")))
    listed = ", ".join(f"{name} {' and '.join(sorted(found.pop(name)))}" for name in ("lcom", "Python"))
    packages = ", ".join(f"{name} {' and '.join(sorted(versions))}" for name, versions in sorted(found.items()))
    return f"Made with {listed}; {packages}; on {devices}.\n"


def _said(results: Path) -> list[dict]:
    """What the files of the run that the tables read say of it."""
    files = [file for name in FOLDERS for top in ("", "*/") for file in results.glob(f"{top}{name}/**/*.json*")]
    return [made for file in sorted(files) for made in made_by(file)]
