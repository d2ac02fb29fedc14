"""Where the networks are: the folder of a run, or what comes with lcom. No torch: a missing file is said at once."""

from __future__ import annotations

from pathlib import Path

from lcom.data.shipped import CARD
from lcom.data.shipped import FOLDER as SHIPPED

CDVAE_FILE = "cdvae/model.safetensors"
SURROGATE = "surrogate/lcoms.safetensors"
SL = "surrogate/sl.safetensors"
LATENTS = "latents.safetensors"
TRAIN, VAL = "train.safetensors", "val.safetensors"
CRYSTALS = "crystals.parquet"
ENERGY_MODEL, ENERGY_METRICS = "energy_model/model.safetensors", "energy_model/metrics.csv"
NEEDED = (CDVAE_FILE, SURROGATE, LATENTS)  # and the training set
RESULTS = Path("results")  # `results` of config.yaml
NAME = "shipped"  # of the networks that come with lcom, in place of a folder
MAKE = (
    "make them with `snakemake --cores 2 results/prototypes/surrogate/lcoms.safetensors`, name the folder of a run (--networks), or "
    f"take those that come with lcom (--networks {NAME})"
)


def run_folder(networks: str | Path | None = None) -> Path:
    """The folder of a data set in a run that has trained networks: `results/prototypes`, or `results` if it has but one; "shipped": what
    comes with lcom.

    Without `networks`: results/ of the current directory, else the networks that come with lcom. A ValueError names what is missing.
    """
    if networks is not None:
        return SHIPPED if str(networks) == NAME and not Path(NAME).is_dir() else _data_set(Path(networks))
    for place in (RESULTS, SHIPPED):
        if _complete(place):
            return _data_set(place)
    raise ValueError(f"no trained networks in {RESULTS}/ here: {MAKE}")


def said(folder: Path) -> str:
    """Which networks they are, for people."""
    return f"those that come with lcom (lcom data {NAME})" if folder == SHIPPED else f"those of {folder}"


def training_set(folder: Path) -> Path:
    """The file with the crystals that the networks were trained on: of a run its training set, of what comes with lcom the table of
    all crystals."""
    return folder / (CRYSTALS if (folder / CARD).is_file() else TRAIN)


def _missing(folder: Path) -> list[str]:
    needed = [*(folder / name for name in NEEDED), training_set(folder)]
    return [str(path.relative_to(folder)) for path in needed if not path.is_file()]


def _complete(place: Path) -> list[Path]:
    folders = [place, *sorted(path for path in place.glob("*") if path.is_dir())]
    return [folder for folder in folders if not _missing(folder)]


def _data_set(place: Path) -> Path:
    if not place.is_dir():
        raise ValueError(f"{place} is no folder: give that of a run, such as results or results/prototypes")
    found = _complete(place)
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"{place} has the networks of several data sets: name one, {' or '.join(map(str, found))}")
    raise ValueError(f"{place} has no trained networks ({', '.join(_missing(place))} not there): {MAKE}")
