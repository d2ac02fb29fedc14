"""What the config says of a data set (section `data.<name>`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

from lcom.base.settings import Key, Settings

Kind = Literal["embedded", "matbench", "oqmd_optimade", "oqmd_jarvis", "oqmd_sql", "own", "union", "shipped"]
# keys that a kind needs (one of each group), and keys that it may have
KINDS: dict[Kind, tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]] = {
    "embedded": ((("file",),), ("sha256", "first")),
    "matbench": ((("file", "url"),), ("sha256",)),
    "oqmd_optimade": ((("url",), ("filter",)), ()),
    "oqmd_jarvis": ((("file", "url"),), ("sha256",)),
    "oqmd_sql": ((("file", "url"),), ("sha256",)),
    "own": ((("file",), ("energy",)), ("id", "unit", "sha256")),
    "union": ((("of",),), ()),
    "shipped": ((), ()),  # the networks that come with lcom, and their crystals
}


@dataclass(frozen=True)
class SourceSettings(Settings):
    """Where a data set comes from, and in which format. An empty text is a key that is not there."""

    kind: Annotated[Kind, Key("format (docs/running.md)")]
    file: Annotated[str, Key("a local file or folder, relative to the project, before `url`")] = ""
    url: Annotated[str, Key("where to download it from; mirrors after it, with a space between")] = ""
    sha256: Annotated[
        str,
        Key(
            "of the file, of a folder's manifest.json (embedded); a damaged copy is refused",
            pattern="([0-9a-f]{64})?",
            allowed="the 64 digits 0-9a-f of a SHA-256",
        ),
    ] = ""
    filter: Annotated[str, Key("which crystals, in OPTIMADE's language (oqmd_optimade)")] = ""
    energy: Annotated[str, Key("column or key with the formation energy (own)")] = ""
    id: Annotated[str, Key("column or key with the ids (own)")] = ""
    unit: Annotated[Literal["", "eV/atom", "eV", "meV/atom", "kJ/mol"], Key("unit of the energies (own)")] = ""
    of: Annotated[
        list[
            Annotated[
                str,
                Key(
                    pattern="[a-z][a-z0-9_-]*", allowed="a name of small letters, digits, _ and -, with a letter first"
                ),
            ]
        ],
        Key("names of the data sets that are taken together (union)"),
    ] = field(default_factory=list)
    level: Annotated[
        str,
        Key(
            "of theory, for data sets whose energies compare, such as two of the Materials Project; else each has its own",
            pattern="[A-Za-z0-9_.+ -]*",
            allowed="a name of letters, digits, blanks and _.+-",
        ),
    ] = ""

    first: Annotated[int, Key("only so many compositions of the set; 0: all (embedded, of a folder)", minimum=0)] = 0

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """What is missing for this kind, or of no use for it."""
        needed, allowed = KINDS[self.kind]
        for group in needed:
            if not any(getattr(self, key) for key in group):
                yield "", f"kind {self.kind} needs {' or '.join(f'`{key}`' for key in group)}"
        known = {
            "kind",
            *allowed,
            *(["level"] if self.kind != "union" else []),
            *(key for group in needed for key in group),
        }
        if useless := sorted(key for key, value in vars(self).items() if value and key not in known):
            yield "", f"kind {self.kind} has no use for {', '.join(useless)}"
