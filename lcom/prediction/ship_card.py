"""The card of the networks that come with lcom: what they have seen, what was kept from them, how they were trained, how good they are."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lcom.base.provenance import provenance
from lcom.compounds import load_compounds
from lcom.data.shipped import reduced, sha256_of
from lcom.data.sources.shards import MANIFEST
from lcom.elements import SYMBOLS
from lcom.prediction.possible import Possible, pattern
from lcom.prediction.run_folder import CRYSTALS
from lcom.report.markdown import markdown_table

SCHEMA = 1  # raised when a key changes its meaning or goes
TITLES = {"cdvae": "CD-VAE", "lcoms": "surrogate `lcoms`", "sl": "surrogate `sl`", "energy_model": "energy model"}


def card(
    run: Path,
    folder: Path,
    files: Sequence[str],
    formulas: np.ndarray,
    part: np.ndarray,
    numbers: Sequence[Sequence[int]],
    networks: dict[str, dict],
    seeds: int,
    about: dict,
) -> dict:
    """What is said of the networks in `folder`, which are those of `run`. formulas, part [B] and numbers: of all crystals.

    about, from the rule: sources (name -> section of the config), settings (section -> values), holdout, tables (paths) and codes
    (stage -> digest).
    """
    train = np.flatnonzero(part == "train").tolist()
    possible = Possible.of(np.concatenate([numbers[i] for i in train]), np.array([len(numbers[i]) for i in train]))
    sizes = {name: {"bytes": (folder / name).stat().st_size, "sha256": sha256_of(folder / name)} for name in files}
    return {
        "schema": SCHEMA,
        "data": {name: _source(source, run.parent / name) for name, source in about["sources"].items()},
        "holdout": about["holdout"],
        "tables": {path: _table(Path(path), formulas) for path in about["tables"]},
        "parts": {
            name: {"crystals": int((part == name).sum()), "compositions": len(set(formulas[part == name].tolist()))}
            for name in ("train", "val", "heldout")
        },
        "elements": [SYMBOLS[z] for z in sorted(possible.elements)],
        "proportions": [pattern(key) for key in sorted(possible.cells, key=lambda key: (len(key), key))],
        "most_atoms": max(max(sizes) for sizes in possible.cells.values()),
        "seeds": seeds,
        "networks": networks,
        "settings": about["settings"],
        "processor": processor(),
        "made_by": provenance(),
        "code": about["codes"],
        "files": sizes,
        "bytes": sum((folder / name).stat().st_size for name in files),
    }


def _source(source: dict, read: Path) -> dict:
    """kind, file and level of a data set, and the sha256 of the file, of a folder's manifest; not of one that was changed after the run
    had read it into its folder `read`, as a set that grows is."""
    path = Path(source.get("file", ""))
    said = {key: source[key] for key in ("kind", "file", "url", "of", "level", "first") if source.get(key)}
    if source.get("file"):
        file, crystals = path / MANIFEST if path.is_dir() else path, read / CRYSTALS
        changed = crystals.is_file() and file.stat().st_mtime > crystals.stat().st_mtime
        said |= {"changed_since": True} if changed else {"sha256": sha256_of(file)}
    return said


def _table(path: Path, formulas: np.ndarray) -> dict:
    """A table of compounds whose formulas are held out: sha256, compounds, and how many of them the data have."""
    compounds = [compound.formula for compound in load_compounds(path)]
    known = {reduced(formula) for formula in set(formulas.tolist())}
    there = sum(reduced(formula) in known for formula in compounds)
    return {"sha256": sha256_of(path), "compounds": len(compounds), "in_the_data": there}


def processor() -> str:
    """The name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def page(card: dict) -> str:
    """The card, as read from its file, as a page."""
    parts, made = card["parts"], card["made_by"]
    held = ", ".join(
        f"{said['compounds']} of `{name}` ({said['in_the_data']} are in the data)"
        for name, said in card["tables"].items()
    )
    counts = [["", "crystals", "compositions"]]
    counts += [[part, *(str(parts[part][key]) for key in counts[0][1:])] for part in ("train", "val", "heldout")]
    networks = [["network", "numbers", "epochs", "seconds", "on", "last epoch"]]
    for name, title in TITLES.items():
        said = card["networks"][name]
        seconds = "–" if said["seconds"] is None else f"{said['seconds']:.0f}"
        where = "processor" if said["device"] == "cpu" else said["device"]
        measured = ", ".join(f"{key} {value:.4g}" for key, value in said["measured"].items() if key.startswith("val_"))
        epochs = " + ".join(str(stage["epochs"]) for stage in [*said.get("began_from", []), said])
        networks.append([title, str(said["numbers"]), epochs, seconds, where, measured])
    files = [["file", "bytes", "sha256"]]
    files += [[f"`{name}`", str(said["bytes"]), f"`{said['sha256']}`"] for name, said in card["files"].items()]
    data = "\n".join(f"- `{name}`: {_words(said)}" for name, said in card["data"].items())
    packages = ", ".join(f"{name} {number}" for name, number in made["packages"].items())
    rounding = max(said.get("float16_changes", 0) for said in card["networks"].values())
    elements = f"{len(card['elements'])} elements: {', '.join(card['elements'])}"
    commit = f", commit {made['commit'][:12]}" if made["commit"] else ""
    codes = ", ".join(f"{stage} `{digest}`" for stage, digest in card["code"].items())
    return f"""# The networks that come with lcom

`make networks` makes this folder and this page; docs/networks.md says how they are used. `card.json` has the same and all settings.

## Data

{data}

{markdown_table(counts)}

Held out of training and validation, by {card["holdout"]}: {held}.

{elements}.

Proportions: {", ".join(card["proportions"])}. At most {card["most_atoms"]} atoms in a cell.

## Networks

{markdown_table(networks)}

Validation is on compositions that were not trained on; `val_mae` of the surrogates ({card["seeds"]} seeds, mean) and of the energy model is
in eV/atom. Of a sum of epochs the last began from the weights of networks that came with lcom before (`began_from` in the card).
Seconds are those of the job that ended the last training: one that was resumed has taken more. Processor: {card["processor"]}.
The surrogates' weights are float16, which changes their energies of validation crystals by at most {rounding:.2g} eV/atom; latents are
float16, too, all other networks float32.

## Files

{markdown_table(files)}

{card["bytes"] / 1e6:.2f} MB. Made with lcom {made["lcom"]}{commit}, Python {made["python"]}, {packages}.

Digests of the code: {codes}.
"""


def _words(source: dict) -> str:
    told = {key: ", ".join(value) if isinstance(value, list) else str(value) for key, value in source.items()}
    return ", ".join(
        f"{key} `{value}`" if key in ("file", "sha256") else f"{key} {value}" for key, value in told.items()
    )
