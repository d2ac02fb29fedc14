"""What the config says of a data set (section `data.<name>`)."""

from __future__ import annotations

from dataclasses import dataclass

# kind -> keys that it needs (one of each group), and keys that it may have
KINDS = {
    "embedded": ((("file",), ("sha256",)), ()),
    "matbench": ((("file", "url"),), ("sha256",)),
    "oqmd_optimade": ((("url",), ("filter",)), ()),
    "oqmd_jarvis": ((("file", "url"),), ("sha256",)),
    "oqmd_sql": ((("file", "url"),), ("sha256",)),
    "own": ((("file",), ("energy",)), ("id", "unit", "sha256")),
}


@dataclass(frozen=True)
class SourceSettings:
    """kind: one of KINDS · file: a local file or folder · url: downloaded into data/raw where there is no file, mirrors after the first
    one, separated by spaces · sha256 of that file · filter: OPTIMADE's · energy, id: columns of an own file · unit of its energies"""

    kind: str = "embedded"
    file: str = ""
    url: str = ""
    sha256: str = ""
    filter: str = ""
    energy: str = ""
    id: str = ""
    unit: str = ""

    def check(self, name: str) -> None:
        """A ValueError that names the key if one is missing or of no use for this kind."""
        needed, allowed = KINDS[self.kind]
        where = f"config: 'data.{name}', of kind {self.kind},"
        for group in needed:
            if not any(getattr(self, key) for key in group):
                raise ValueError(f"{where} needs {' or '.join(f'`{key}`' for key in group)}")
        known = {"kind", *allowed, *(key for group in needed for key in group)}
        useless = sorted(key for key, value in vars(self).items() if value and key not in known)
        if useless:
            raise ValueError(f"{where} has no use for {', '.join(useless)}")
