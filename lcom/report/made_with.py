"""What the numbers of a table were made with, as one line under it: commit, versions and devices, of all the files together."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

from lcom.base.provenance import provenance

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
    """`made_by` of every JSON of the run that the tables read."""
    files = [file for name in FOLDERS for top in ("", "*/") for file in results.glob(f"{top}{name}/**/*.json")]
    said = {}  # few different ones
    for file in sorted(files):
        try:
            made = json.loads(file.read_text(encoding="utf-8")).get("made_by")
        except (ValueError, AttributeError):  # whoever reads its numbers says what is wrong with it
            continue
        if isinstance(made, dict):
            said[json.dumps(made, sort_keys=True)] = made
    return list(said.values())
