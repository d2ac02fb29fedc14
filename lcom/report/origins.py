"""What the files of a run were made with: the `made_by` of JSONs and of files of tensors (lcom.base.provenance)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any


def read_origins(results: Path) -> list[tuple[dict[str, Any], list[str]]]:
    """(made_by, the files that say so), the most frequent first. Files that say nothing are left out."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(path for kind in ("*.json", "*.jsonl", "*.safetensors") for path in results.rglob(kind)):
        if any(part.startswith(".") for part in path.relative_to(results).parts):
            continue
        for made in made_by(path):
            found[json.dumps(made, sort_keys=True)].append(str(path.relative_to(results)))
    ordered = sorted(found.items(), key=lambda item: -len(item[1]))
    return [(json.loads(text), files) for text, files in ordered]


def made_by(path: Path) -> list[dict[str, Any]]:
    """The different ones in a file, of JSON, of lines of JSON or of tensors; of a damaged one what is readable."""
    found = {}
    for said in _objects(path):
        if isinstance(said, dict) and isinstance(made := said.get("made_by"), dict):
            found[json.dumps(made, sort_keys=True)] = made
    return list(found.values())


def _objects(path: Path) -> Iterator[Any]:
    try:
        if path.suffix == ".safetensors":
            yield _metadata(path)
            return
        text = path.read_text(encoding="utf-8")
    except (ValueError, OSError, KeyError, TypeError):
        return  # whoever needs the file says that it is damaged
    for part in text.splitlines() if path.suffix == ".jsonl" else [text]:
        with suppress(ValueError):
            yield json.loads(part)


def _metadata(path: Path) -> dict[str, Any]:
    """Of a file of tensors, by its head alone: the length of the head in eight bytes, then JSON. Needs no torch."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        head = json.loads(file.read(min(length, path.stat().st_size)))
    return json.loads(head["__metadata__"]["json"])["meta"]
