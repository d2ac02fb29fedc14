"""Starts and candidates on disk: one format, whatever made them.

An extxyz file; a frame with compound, seed, method, start, status (ok or failed) and reason in its info is a candidate. A failed one is a
frame too: later stages pass its reason on. Frames without labels are what led to the next candidate: the steps of its relaxation.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from lcom.base.files import write_text
from lcom.crystal import Crystal

if TYPE_CHECKING:
    from ase import Atoms

COMPOUND = re.compile(r"(?:^|\s)compound=(\w+)")


class Labels(TypedDict):
    """Whose candidate, whatever becomes of it."""

    compound: str
    seed: int
    method: str
    start: str


@dataclass(frozen=True)
class Candidate:
    """A crystal proposed for a compound; info holds whatever else its maker recorded (plain numbers and strings)."""

    crystal: Crystal
    compound: str
    seed: int
    method: str
    start: str
    status: str = "ok"
    reason: str = ""
    info: dict[str, Any] | None = None


def no_crystal(numbers: np.ndarray) -> Crystal:
    """What stands in the file of a start that failed: the atoms on the diagonal of a cube, 4 Å apart along each edge."""
    n = len(numbers)
    return Crystal(numbers, np.repeat(np.arange(n)[:, None] / n, 3, axis=1), 4.0 * n * np.eye(3))


def write_candidate(path: str | os.PathLike, candidate: Candidate) -> None:
    """Write the extxyz of one."""
    write_text(path, candidate_text(candidate))


def write_candidates(path: str | os.PathLike, candidates: Iterable[Candidate]) -> None:
    """Write the extxyz of many, a frame each."""
    write_text(path, "".join(map(candidate_text, candidates)))


def write_cifs(path: str | os.PathLike, candidates: Iterable[Candidate]) -> None:
    """Write the same for other programs: one CIF with a block for each, data_MgO-0 and so on, or the reason why there is none."""
    write_text(path, "\n".join(map(_cif, candidates)))


def candidate_text(candidate: Candidate) -> str:
    """The frame of an extxyz."""
    from ase.io import write

    if not re.fullmatch(r"\w+", candidate.compound):
        raise ValueError(
            f"{candidate.compound!r} is no name for a compound in a file, of which letters and digits alone are read back: "
            "write it without parentheses"
        )
    atoms = candidate.crystal.to_atoms()
    atoms.info.update(candidate.info or {})
    for key in ("compound", "seed", "method", "start", "status"):
        atoms.info[key] = getattr(candidate, key)
    if candidate.reason:  # extxyz has no empty text: ASE would read the next key as its value
        atoms.info["reason"] = candidate.reason
    text = io.StringIO()
    write(text, atoms, format="extxyz")
    return text.getvalue()


def _cif(candidate: Candidate) -> str:
    step = (candidate.info or {}).get("step")
    name = "-".join(str(part) for part in (candidate.compound, candidate.seed, step) if part is not None)
    if candidate.status != "ok":
        return f"# {name}: no crystal: {candidate.reason}\n"
    return re.sub(r"^data_\S*", f"data_{name}", candidate.crystal.to_cif(), count=1, flags=re.M)


def read_candidate(path: str | os.PathLike) -> Candidate:
    """Read the last of a file. ValueError if the file is unreadable or lacks its labels."""
    with _readable(path):
        *_, last = _frames(Path(path).read_text(encoding="utf-8"))
        return _candidate(*last)


def read_candidates(path: str | os.PathLike, compounds: Collection[str] = ()) -> list[Candidate]:
    """All candidates of a file in its order, or those of some compounds, for which the others cost nearly nothing. ValueError as above."""
    with _readable(path):
        frames = list(_frames(Path(path).read_text(encoding="utf-8")))
        if "status=" not in frames[-1][0]:
            raise ValueError("its last frame has no labels")
        wanted = set(compounds)
        return [
            _candidate(comment, text)
            for comment, text in frames
            if "status=" in comment and (not wanted or _compound(comment) in wanted)
        ]


@contextmanager
def _readable(path: str | os.PathLike) -> Generator[None]:
    """Whatever is wrong with a file of candidates as one line."""
    try:
        yield
    except Exception as error:  # ASE fails in many ways; each is the same to the user
        raise ValueError(f"{Path(path)} is no readable candidate ({error}): delete it and run again") from error


def _frames(text: str) -> Iterator[tuple[str, str]]:
    """The comment and the whole text of each frame."""
    lines, at = text.split("\n"), 0
    while at < len(lines):
        if not lines[at].strip():  # as editors leave at the end
            at += 1
            continue
        end = at + 2 + int(lines[at])
        if end > len(lines):
            raise ValueError("it ends within a frame")
        yield lines[at + 1], "\n".join(lines[at:end]) + "\n"
        at = end


def _compound(comment: str) -> str:
    """As it is written: ASE takes InF for infinity and F for false."""
    found = COMPOUND.search(comment)
    if not found:
        raise KeyError("compound")
    return found[1]


def _candidate(comment: str, text: str) -> Candidate:
    from ase.io import read

    atoms: Atoms = read(io.StringIO(text), index=-1, format="extxyz")
    info = dict(atoms.info)
    labels = {key: info.pop(key) for key in ("compound", "seed", "method", "start", "status")}
    labels |= {"compound": _compound(comment), "seed": int(labels["seed"])}  # ASE gives numpy's
    return Candidate(Crystal.from_atoms(atoms), reason=str(info.pop("reason", "")), info=info, **labels)
