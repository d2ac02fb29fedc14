"""Write lcom/search/wyckoff.npz: the Wyckoff positions of the space groups 2-230 in primitive cells, from PyXtal's tables.

    .venv/bin/python scripts/wyckoff.py

PyXtal takes seconds to import and to parse them. tests/search/test_space.py compares the file with PyXtal's own.
"""

from __future__ import annotations

import io
import zipfile

import numpy as np
from pyxtal.symmetry import Group

from lcom.search.wyckoff import PRIMITIVE, TABLES, UNIT


def tables() -> dict[str, np.ndarray]:
    """As `lcom.search.wyckoff.space_groups` reads them: of the positions group, centring, letter, freedom and points; ops of all points."""
    found: dict[str, list] = {"group": [], "centring": [], "letter": [], "freedom": [], "points": []}
    all_ops = []
    for number in range(2, 231):
        group = Group(number)
        centring = group.symbol[0]
        to_primitive = np.rint(np.linalg.inv(PRIMITIVE[centring]).T)
        for wyckoff in group:
            ops = to_primitive @ np.array([op.affine_matrix[:3] for op in wyckoff.ops])
            ops = np.rint(UNIT * ops).astype(np.int64)  # every translation is a multiple of 1/24
            ops[..., 3] %= UNIT
            _, first = np.unique(ops.reshape(-1, 12), axis=0, return_index=True)  # centring copies are now the same
            ops = ops[np.sort(first)]
            values = (number, ord(centring), ord(wyckoff.letter), wyckoff.get_dof(), len(ops))
            for column, value in zip(found.values(), values, strict=True):
                column.append(value)
            all_ops.append(ops)
    return {name: np.array(column, dtype=np.uint8) for name, column in found.items()} | {
        "ops": np.concatenate(all_ops).astype(np.int8)
    }


def main() -> None:
    with zipfile.ZipFile(TABLES, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, values in tables().items():
            file = io.BytesIO()
            np.save(file, values)
            # dated, so that the same tables are the same bytes
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), file.getvalue())
    print(f"{TABLES}: {TABLES.stat().st_size} bytes")


if __name__ == "__main__":
    main()
