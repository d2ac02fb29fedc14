"""What the rules share, in plain Python: checks of the config and digests of code and of table rows. Unit-tested.

A rule reruns when one of its `params` changes. So each rule gets its config section as one canonical JSON string, and
`code_digest` of its stage: an edit then reruns the stages it touches and what depends on them, and nothing else.
"""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from lcom.base.lock import take
from lcom.base.processes import VARIABLE, this_process

KINDS = {"number": "a number", "integer": "a whole number", "boolean": "true or false", "string": "text"}
KINDS |= {"object": "a section of keys", "array": "a list", "null": "nothing"}


def canonical(value: Any) -> str:
    """One JSON text for equal values, whatever the order of their keys."""
    return json.dumps(value, sort_keys=True)


# --- the config ------------------------------------------------------------------------------------------------------


def config_problems(config: dict, schema: dict) -> list[str]:
    """One line for each way in which the config breaks its schema: key, value, what is allowed."""
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=lambda error: list(map(str, error.path)))
    return [_problem(error) for error in errors]


def _problem(error: ValidationError) -> str:
    key = ".".join(str(part) for part in error.absolute_path)
    where = f"{key}: " if key else ""
    inside = f" in {key}" if key else ""
    value, rule = error.instance, error.validator_value
    if error.validator == "additionalProperties":
        allowed = error.schema.get("properties", {})
        unknown = ", ".join(str(name) for name in value if name not in allowed)
        return f"unknown key {unknown}{inside}; allowed: {', '.join(sorted(allowed))}"
    if error.validator == "required":
        return f"missing key {', '.join(sorted(set(rule) - set(value)))}{inside}"
    if error.validator == "enum":
        return f"{where}{_show(value)} is not one of {', '.join(map(_show, rule))}"
    if error.validator == "type":
        kinds = " or ".join(KINDS[kind] for kind in ([rule] if isinstance(rule, str) else rule))
        return f"{where}{_show(value)} is {_kind(value)}, but {kinds} is needed{_number_hint(value)}"
    limits = {"minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most"}
    limits |= {"exclusiveMaximum": "less than"}
    if error.validator in limits:
        return f"{where}{_show(value)} must be {limits[error.validator]} {rule}"
    return f"{where}{error.message}"


def _show(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    names = {str: "text", int: "a whole number", float: "a number", dict: "a section of keys", list: "a list"}
    return names.get(type(value), "empty" if value is None else type(value).__name__)


def _number_hint(value: Any) -> str:
    """YAML reads 1e-3 (no dot) as text, and so does `--config` all values below the first level."""
    if not isinstance(value, str):
        return ""
    try:
        number = float(value)
    except ValueError:
        return ""
    mantissa, mark, exponent = value.strip().lower().partition("e")
    if mark and "." not in mantissa:
        return f" (write {mantissa}.0e{exponent}: YAML reads {value} as text)"
    return f" (write {number:g} without quotes, in a file given by --configfile)"


def contradictions(config: dict) -> list[str]:
    """One line for each pair of keys that do not go together. The stages would say so, after hours."""
    cdvae, found = config["cdvae"], []
    if config["decode"]["strain_steps"] and config["decode"]["schedule"] != "paper" and not cdvae["strain"]:
        found.append("decode.strain_steps: needs a model trained with cdvae.strain; set decode.strain_steps to 0")
    sigmas = cdvae["sigma_end"], cdvae["sigma_begin"]
    if cdvae["strain"] and not sigmas[0] <= config["decode"]["strain_sigma"] <= sigmas[1]:
        found.append(
            "decode.strain_sigma: must lie within cdvae.sigma_end and sigma_begin, where the decoder is trained"
        )
    if not sigmas[0] < sigmas[1]:
        found.append("cdvae.sigma_end: must be less than cdvae.sigma_begin")
    if cdvae["strain"] and cdvae["training"]["teacher_forcing"] < 1:
        found.append(
            "cdvae.training.teacher_forcing: must be 1 with cdvae.strain, which gives the decoder wrong cells anyway"
        )
    if cdvae["encoder"]["graph"] == "crystalnn" and (cdvae["encoder_noise"] or cdvae["encoder_strain"]):
        found.append("cdvae.encoder.graph: crystalnn needs cdvae.encoder_noise and cdvae.encoder_strain to be 0")
    if cdvae["decoder"]["kind"] == "gemnet-dQ" and cdvae["decoder"]["quad_neighbours"] >= cdvae["neighbours"]:
        found.append("cdvae.decoder.quad_neighbours: must be less than cdvae.neighbours")
    if config["energy_model"]["encoder"]["graph"] != "radius":
        found.append(
            "energy_model.encoder.graph: must be radius, as a search makes crystals faster than bonds are found"
        )
    search = config["search"]
    for method, key in (("bo", "initial"), ("pso", "particles")):
        if method in search["methods"] and search["evaluations"] <= search[method][key]:
            found.append(
                f"search.evaluations: must be more than search.{method}.{key} ({search[method][key]}), or {method} would be a "
                f"random search; lower search.{method}.{key}, or take {method} out of search.methods"
            )
    return found


# --- the table of compounds ------------------------------------------------------------------------------------------


def compound_rows(table: Path) -> dict[str, str]:
    """Formula -> canonical JSON of that row of a (valid) table, which is what the rules of the compound depend on.

    The column `source` is left out, and a CIF is replaced by its digest. So an edit of one row reruns one compound.
    """
    with table.open(encoding="utf-8-sig", newline="") as file:
        lines = [[cell.strip() for cell in line] for line in csv.reader(file)]
    lines = [line for line in lines if any(line)]
    rows = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    return {row["formula"]: _row_digest(row, table.parent) for row in rows}


def _row_digest(row: dict[str, str], folder: Path) -> str:
    kept = {key: value for key, value in row.items() if key != "source"}
    if kept["prototype"].lower().endswith(".cif"):
        kept["prototype"] = hashlib.sha256((folder / kept["prototype"]).read_bytes()).hexdigest()
    return canonical(kept)


# --- the code of a stage ---------------------------------------------------------------------------------------------


def folder_digest(path: str) -> str:
    """Digest of names, sizes and times of the CIFs and tables in a folder, whose own time, all that Snakemake looks at, stays when one is
    written anew. "" for anything but a folder."""
    if not path or not Path(path).is_dir():
        return ""
    files = (file for file in Path(path).iterdir() if file.suffix.lower() in (".cif", ".csv") and file.is_file())
    found = sorted((file.name, (stat := file.stat()).st_size, stat.st_mtime_ns) for file in files)
    return hashlib.sha256(repr(found).encode()).hexdigest()[:16]


def code_digest(stage: str, root: Path) -> str:
    """Digest of the code `python -m lcom.stages.<stage>` can reach; comments, docstrings and layout do not count."""
    digest = hashlib.sha256()
    for module in sorted(import_closure(f"lcom.stages.{stage}", root)):
        digest.update(module.encode())
        digest.update(_module_digest(_module_file(module, root)))
    return digest.hexdigest()[:16]


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
    for node in _walk(_parse(file)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return names


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test) and child in node.body:
            continue
        yield from _walk(child)


@cache
def _parse(file: Path) -> ast.Module:
    """The syntax tree without docstrings, and without `__version__` and the like: they change no result."""
    tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
        if isinstance(node, ast.Module):
            node.body = [child for child in node.body if not _is_dunder(child)]
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


_held = []  # nothing that Snakemake forgets gives it back


def hold_lock(file: Path) -> None:
    """Hold a lock until the process ends. AtWork, a ValueError, if another process holds it. Where the file system has no locks
    (Lustre can be mounted so) nothing is held.

    Snakemake's own lock outlives a kill -9 and then asks for --unlock; the kernel drops this one with the process.
    """
    _held.append(take(file))
