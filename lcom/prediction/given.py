"""Crystals that files give, one by one: each with what its file leaves open, or the reason why it is none."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from lcom.base.messages import one_line
from lcom.crystal import Crystal
from lcom.data.sources.entries import Rejected
from lcom.data.sources.frames import frames
from lcom.elements import MAX_Z, SYMBOLS

if TYPE_CHECKING:
    from ase import Atoms

TAKEN = "CIF, POSCAR, extxyz, or another format that ASE knows by its usual name"
ENCODING, ERRORS = "utf-8-sig", "replace"  # a byte that is no UTF-8 stands in a name or a comment
HARMLESS = (  # of what pymatgen says of a CIF: the crystal is the same
    "fractional coordinates rounded", "A 1-line symmetry op", "Spacegroup from", "Keys changed", "Pauling file", "Skipping relative",
    "Cannot determine chemical composition",
)  # fmt: skip


class NoCrystal(ValueError):
    """Says what the file, or a part of it, is instead."""


@dataclass(frozen=True)
class Given:
    """file: with the number of the frame or CIF block, from 1 on, if there are several · warning: what of the file was not understood."""

    file: str
    crystal: Crystal
    warning: str = ""


@dataclass(frozen=True)
class Refused:
    """A file, or a frame or block of it, that cannot be judged, and why."""

    file: str
    reason: str

    def values(self) -> dict:
        """For JSON."""
        return {"file": self.file, "reason": self.reason}


Parse = Callable[[], tuple[Crystal, str]]  # -> crystal and warning


def read_given(path: Path) -> list[Given | Refused]:
    """All that a file gives, in its order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ASE's, and pymatgen's, which its parser keeps, too
        try:
            parts = _parts(path)
            if not parts:
                raise NoCrystal("has no crystal in it")
        except Exception as error:  # parsers fail in many ways; each is the same to the user: mend the file
            return [Refused(str(path), _reason(error))]
        names = [str(path) if len(parts) == 1 else f"{path}:{number}" for number, _ in parts]
        return [_given(name, parse) for name, (_, parse) in zip(names, parts, strict=True)]


def _given(name: str, parse: Parse) -> Given | Refused:
    try:
        crystal, warning = parse()
        if not 1 <= crystal.numbers.min() <= crystal.numbers.max() <= MAX_Z:
            raise NoCrystal(f"has other elements than H to {SYMBOLS[-1]}")
        if crystal.volume < 1:
            raise NoCrystal("is no crystal: its cell has no volume")
    except Exception as error:  # as above
        return Refused(name, _reason(error))
    return Given(name, crystal, warning)


def _reason(error: Exception) -> str:
    said = one_line(error, 200)
    return said if isinstance(error, NoCrystal) else f"cannot be read as a crystal: {said}"


def _parts(path: Path) -> list[tuple[str, Parse]]:
    """Of each frame or block its number, and what reads it."""
    from ase.io.formats import get_compression

    kind, packed = _format(path), get_compression(str(path))[1] is not None
    if kind == "extxyz" and not packed:  # frame by frame: ASE's reader ends at the first that is broken
        return [_frame(item) for chunk in frames(path) for item in chunk]
    if kind == "cif":
        parts = [partial(_of_block, block) for block in _blocks(path)]
    else:
        parts = [partial(_of_atoms, atoms) for atoms in _by_ase(path, kind, packed)]
    return [(str(number), parse) for number, parse in enumerate(parts, start=1)]


def _format(path: Path) -> str:
    """ASE's name of it; also of CIFs, which pymatgen reads: ASE takes no notice of occupancies."""
    from ase.io.formats import UnknownFileTypeError, filetype, ioformats

    if path.is_dir():
        raise NoCrystal("is a folder: name the files in it")
    if not path.is_file():
        raise NoCrystal("no such file")
    if not path.stat().st_size:
        raise NoCrystal("is empty")
    if path.suffix.lower() in (".cif", ".mcif"):
        return "cif"
    try:
        kind = filetype(str(path))
    except UnknownFileTypeError:
        kind = ""
    if kind not in ioformats:  # where it knows no better, it gives the ending of the name
        raise NoCrystal(f"is of no kind that is known here: give a {TAKEN}")
    return kind


# ---- CIF


def _blocks(path: Path) -> list[str]:
    """The texts of a CIF's data blocks that list sites; of all if none does, for the parser to say what is missing."""
    from ase.io.formats import open_with_compression

    with open_with_compression(str(path), "rb") as file:
        text = file.read().decode(ENCODING, ERRORS)
    blocks = [f"data_{block}" for block in re.split(r"^\s*data_", text, flags=re.MULTILINE | re.IGNORECASE)[1:]]
    return [block for block in blocks if "_atom_site_" in block] or blocks


def _of_block(text: str) -> tuple[Crystal, str]:
    from pymatgen.io.cif import CifParser

    parser = CifParser.from_str(text, check_cif=False)
    try:
        (structure,) = parser.parse_structures(primitive=False, on_error="raise")
    except ValueError as error:
        raise ValueError(error.__cause__ or error) from error
    crystal = Crystal.from_structure(structure)
    said = dict.fromkeys([*parser.warnings, parser.check(structure) or ""])
    notes = [note for note in said if note and not any(harmless in note for harmless in HARMLESS)]
    return crystal, f"pymatgen: {one_line('; '.join(notes), 400)}" if notes else ""


# ---- what ASE reads


def _by_ase(path: Path, kind: str, packed: bool) -> list[Atoms]:
    from ase.io import read
    from ase.io.formats import ioformats

    if packed or ioformats[kind].isbinary or not ioformats[kind].acceptsfd:
        return read(path, index=":", format=kind)
    with path.open(encoding=ENCODING, errors=ERRORS) as file:
        return read(file, index=":", format=kind)


def _frame(item: tuple[int, str] | Rejected) -> tuple[str, Parse]:
    if isinstance(item, Rejected):
        return item.id, partial(_refuse, item.detail)
    return str(item[0]), partial(_of_frame, item[1])


def _refuse(why: str) -> tuple[Crystal, str]:
    raise NoCrystal(why)


def _of_frame(text: str) -> tuple[Crystal, str]:
    from ase.io.extxyz import read_xyz

    return _of_atoms(next(read_xyz(StringIO(text), index=0)))


def _of_atoms(atoms: Atoms) -> tuple[Crystal, str]:
    if not atoms.pbc.all():
        pbc = " ".join("FT"[int(periodic)] for periodic in atoms.pbc)
        raise NoCrystal(
            f"is no crystal: its pbc is {pbc}, and only what is periodic in all three directions can be judged"
        )
    return Crystal.from_atoms(atoms), ""
