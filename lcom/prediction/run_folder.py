"""Where the networks are: the folder of a run, or what the package ships. No torch: a missing file is said at once."""

from __future__ import annotations

from pathlib import Path

CDVAE_FILE = "cdvae/model.safetensors"
SURROGATE = "surrogate/lcoms.safetensors"
LATENTS = "latents.safetensors"
TRAIN, VAL = "train.safetensors", "val.safetensors"
CRYSTALS = "crystals.parquet"
ENERGY_MODEL = "energy_model/model.safetensors"
NEEDED = (CDVAE_FILE, SURROGATE, LATENTS, TRAIN)
RESULTS = Path("results")  # `results` of config.yaml
SHIPPED = Path(__file__).parents[1] / "networks"
MAKE = "make them with `snakemake --cores 2 results/prototypes/surrogate/lcoms.safetensors`, or name the folder of a run (--networks)"


def run_folder(networks: str | Path | None = None) -> Path:
    """The folder of a data set in a run that has trained networks: `results/prototypes`, or `results` if it has but one.

    Without `networks`: results/ of the current directory, else the networks that come with lcom. A ValueError names what is missing.
    """
    if networks is not None:
        return _data_set(Path(networks))
    for place in (RESULTS, SHIPPED):
        if _complete(place):
            return _data_set(place)
    raise ValueError(f"no trained networks in {RESULTS}/ here: {MAKE}")


def _complete(place: Path) -> list[Path]:
    folders = [place, *sorted(path for path in place.glob("*") if path.is_dir())]
    return [folder for folder in folders if all((folder / name).is_file() for name in NEEDED)]


def _data_set(place: Path) -> Path:
    if not place.is_dir():
        raise ValueError(f"{place} is no folder: give that of a run, such as results or results/prototypes")
    found = _complete(place)
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"{place} has the networks of several data sets: name one, {' or '.join(map(str, found))}")
    missing = [name for name in NEEDED if not (place / name).is_file()]
    raise ValueError(f"{place} has no trained networks ({', '.join(missing)} not there): {MAKE}")
