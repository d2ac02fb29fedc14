"""What the rules share, in plain Python: digests of code and of table rows. Unit-tested.

A rule reruns when one of its `params` changes. So each rule gets its config section as one canonical JSON string, and
`code_digest` of its stage: an edit then reruns the stages it touches and what depends on them, and nothing else.
"""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lcom.base.files import DiskError, write_text
from lcom.base.lock import AtWork, held, take
from lcom.base.processes import VARIABLE, this_process


def canonical(value: Any) -> str:
    """One JSON text for equal values, whatever the order of their keys."""
    return json.dumps(value, sort_keys=True, allow_nan=False)


# --- the table of compounds ------------------------------------------------------------------------------------------


def compound_rows(table: Path) -> dict[str, str]:
    """Formula -> canonical JSON of that row of a (valid) table, or of its rows, which is what the rules of the compound depend on.

    The column `source` is left out, and a CIF is replaced by its digest. So an edit of one row reruns one compound.
    """
    with table.open(encoding="utf-8-sig", newline="") as file:
        lines = [[cell.strip() for cell in line] for line in csv.reader(file)]
    lines = [line for line in lines if any(line)]
    rows: dict[str, list[str]] = {}
    for line in lines[1:]:
        row = dict(zip(lines[0], line, strict=True))
        rows.setdefault(row["formula"], []).append(_row_digest(row, table.parent))
    return {formula: "\n".join(polymorphs) for formula, polymorphs in rows.items()}


def _row_digest(row: dict[str, str], folder: Path) -> str:
    kept = {key: value for key, value in row.items() if key != "source"}
    if kept["prototype"].lower().endswith(".cif"):
        cif = folder / kept["prototype"]
        kept["prototype"] = hashlib.sha256(cif.read_bytes() if cif.is_file() else b"").hexdigest()
    return canonical(kept)


def digest(value: Any) -> str:
    """A short name for a value that JSON can say: a param that would be long."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:16]


# --- the code of a stage ---------------------------------------------------------------------------------------------


def folder_digest(path: str) -> str:
    """Digest of names, sizes and times of the CIFs and tables in a folder, whose own time, all that Snakemake looks at, stays when one is
    written anew. "" for anything but a folder."""
    if not path or not Path(path).is_dir():
        return ""
    files = (file for file in Path(path).iterdir() if file.suffix.lower() in (".cif", ".csv") and file.is_file())
    found = sorted((file.name, (stat := file.stat()).st_size, stat.st_mtime_ns) for file in files)
    return hashlib.sha256(repr(found).encode()).hexdigest()[:16]


def code_digest(module: str, root: Path) -> str:
    """Digest of the code that a module can reach; comments, docstrings and layout do not count."""
    found = hashlib.sha256()
    for name in sorted(import_closure(module, root)):
        found.update(name.encode())
        found.update(_module_digest(_module_file(name, root)))
    return found.hexdigest()[:16]


# of packages that move bytes, show progress or lock, and change no result
NO_RESULT = {"filelock", "requests", "tqdm", "urllib3"}
DISTRIBUTIONS = {"torch_geometric": "torch-geometric"}  # where the name that is imported is another one
CONDA_NAMES = {"pytorch": "torch", "pytorch_geometric": "torch-geometric"}


def code_digests(root: Path) -> dict[str, tuple[str, list[str]]]:
    """Module -> the digest of its code and the packages that it uses: of every stage, and of what makes energies and relaxations, which
    are kept when another stage of theirs is written."""
    modules = [f"lcom.stages.{file.stem}" for file in sorted((root / "lcom/stages").glob("[!_]*.py"))]
    modules += ["lcom.dft.gpaw", "lcom.dft.relax", "lcom.compounds"]
    return {module: (code_digest(module, root), sorted(third_party(module, root))) for module in modules}


def files_digest(*paths: Path) -> str:
    """Digest of the bytes of files, and of all files in folders."""
    found = hashlib.sha256()
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and file.parent.name != "__pycache__":
                found.update(f"{file.relative_to(path)}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    return found.hexdigest()


def remembered(file: Path, key: str, make: Callable[[], Any]) -> Any:
    """What `make` found, as JSON has it, kept in a file as long as the key is the same: what takes seconds at every start of Snakemake,
    of which a job of a cluster has two."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["key"] == key:
            return kept["value"]
    value = make()
    with suppress(OSError, DiskError):  # a folder that cannot be written, a full disk: it takes seconds again
        write_text(file, json.dumps({"key": key, "value": value}))
    return value


def versioned_digest(code: tuple[str, list[str]], root: Path, conda: bool = False) -> str:
    """Digest of all that may change a result beside inputs and settings: the code (of `code_digests`), and the versions of the packages
    that it uses, of this environment, or with conda of those in envs/."""
    names = {*code[1]} - NO_RESULT
    names |= {"gpaw-data"} if "gpaw" in names else set()
    versions = pinned_versions(root) if conda else {}
    found = {name: versions.get(name) or _installed(name) for name in sorted(names)}
    return hashlib.sha256(f"{code[0]} {canonical(found)}".encode()).hexdigest()[:16]


@cache
def _installed(distribution: str) -> str:
    """A version without what says for which processor it was built; "" if it is not there."""
    try:
        return version(distribution).split("+")[0]
    except PackageNotFoundError:
        return ""


@cache
def pinned_versions(root: Path) -> dict[str, str]:
    """Distribution -> version, of all conda environments, which agree (tests/test_packaging.py)."""
    lines = [line for file in (root / "envs").glob("*.yaml") for line in file.read_text(encoding="utf-8").splitlines()]
    pins = [line.removeprefix("  - ").split("=") for line in lines if line.startswith("  - ") and "=" in line]
    return {CONDA_NAMES.get(name, name): number for name, number in pins}


def third_party(module: str, root: Path) -> set[str]:
    """The distributions that a module and those it reaches import, as PyPI names them."""
    members = import_closure(module, root)
    names = {name.split(".")[0] for member in members for name in imported_names(_module_file(member, root), member)}
    return {DISTRIBUTIONS.get(name, name) for name in names - {"lcom", ""} - sys.stdlib_module_names}


def import_closure(module: str, root: Path) -> set[str]:
    """`module` and the modules of this package that it imports, directly or not, at its top or inside functions."""
    closure, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name in closure or (file := _module_file(name, root)) is None:
            continue
        closure.add(name)
        waiting += [imported for imported in imported_names(file, name) if imported.split(".")[0] == "lcom"]
        waiting += [name.rpartition(".")[0]] if "." in name else []  # importing a.b runs a/__init__.py as well
    return closure


@cache
def imported_names(file: Path, module: str) -> set[str]:
    """Dotted names that a file imports, `from a import b` as both a and a.b; not those under `if TYPE_CHECKING`."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    names: set[str] = set()
    for node in ast.walk(_parse(file)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return names


class _Running(ast.NodeTransformer):
    """Drops what runs in no job: the body of `if TYPE_CHECKING`."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        return node.orelse if "TYPE_CHECKING" in ast.dump(node.test) else node


@cache
def _parse(file: Path) -> ast.Module:
    """The syntax tree without what changes no result: docstrings, imports for type checkers, `__version__` and the like; and the
    keys of settings, whose meaning and limits are for people and whose values are params of the rules (lcom.base.settings)."""
    tree = _Running().visit(ast.parse(file.read_text(encoding="utf-8"), filename=str(file)))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
        if isinstance(node, ast.Module):
            node.body = [child for child in node.body if not _is_dunder(child)]
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith("Settings") for base in node.bases):
            node.body = [child for child in node.body if not isinstance(child, ast.AnnAssign)]
    return tree


def _is_dunder(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign) and all(
        isinstance(target, ast.Name) and target.id.startswith("__") for target in node.targets
    )


@cache
def _module_digest(file: Path) -> bytes:
    """Digest of a module and of the data files beside it that it names in a string (such as "elements.csv")."""
    tree = _parse(file)
    digest = hashlib.sha256(ast.dump(tree).encode())
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    for text in sorted(texts):
        if text.isprintable() and 0 < len(text) < 100 and "." in text and (file.parent / text).is_file():
            digest.update((file.parent / text).read_bytes())
    return digest.digest()


def _module_file(module: str, root: Path) -> Path | None:
    path = root.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


# --- the run -----------------------------------------------------------------------------------------------


def prefer_this_python() -> None:
    """Let `python` in the jobs be this one, also where its environment is not activated; --use-conda goes before it."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def jobs_end_with_this() -> None:
    """Let the jobs end when this Snakemake does, by kill -9, too. On Slurm the one in a job says so for its stage."""
    os.environ[VARIABLE] = this_process()


def retries(of_this_run: int) -> int:
    """How often a failed job is tried again. The Snakemake within a job of a cluster, which is told 0, learns it from the one that
    submitted the job."""
    found = max(of_this_run, int(os.environ.get("LCOM_RETRIES", 0)))
    os.environ["LCOM_RETRIES"] = str(found)
    return found


def remove_finished(states: Path) -> None:
    """Remove the checkpoints of trainings that ended, which jobs of a cluster leave."""
    for finished in states.glob("*/*/finished"):
        with suppress(AtWork), held(Path(f"{finished.parent}.lock")):
            shutil.rmtree(finished.parent)


_held = []  # nothing that Snakemake forgets gives it back


def hold_lock(file: Path) -> None:
    """Hold a lock until the process ends. AtWork, a ValueError, if another process holds it. Where the file system has no locks
    (Lustre can be mounted so) nothing is held.

    Snakemake's own lock outlives a kill -9 and then asks for --unlock; the kernel drops this one with the process.
    """
    _held.append(take(file))
