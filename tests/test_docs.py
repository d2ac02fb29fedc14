"""What the pages name is there: modules, functions and files."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md"), ROOT / "data/README.md", ROOT / "profiles/slurm/README.md"]
)
# what a run or a set-up makes, and patterns
MADE = ("lcom/networks/", "data/raw", "data/mine", "data/perov_5.csv", "docs/default-run/structures")
NAME = re.compile(r"`(lcom(?:\.\w+)+)`?")
PATH = re.compile(r"`((?:lcom|rules|tests|benchmarks|config|envs|profiles|docs|scripts|data|\.ci)/[\w./-]*\w/?)")


def find(name: str) -> object:
    """What a dotted name stands for: a module, or what a module or a class has; ImportError or AttributeError if there is none."""
    module, attributes = name, []
    while True:
        try:
            found = import_module(module)
            break
        except ModuleNotFoundError as error:
            if error.name is None or not module.startswith(error.name) or "." not in module:
                raise
            module, _, last = module.rpartition(".")
            attributes.insert(0, last)
    for attribute in attributes:
        found = getattr(found, attribute)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_module_and_function_that_a_page_names_is_there(page: Path) -> None:
    for name in sorted(set(NAME.findall(page.read_text(encoding="utf-8")))):
        assert find(name) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = set(PATH.findall(page.read_text(encoding="utf-8")))
    gone = [path for path in sorted(named) if not path.startswith(MADE) and not (ROOT / path).exists()]
    assert gone == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    here = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in here if not (page.parent / link).exists()] == []


def test_the_walk_names_a_function_at_each_step() -> None:
    text = (ROOT / "docs/walk.md").read_text(encoding="utf-8")
    steps = re.findall(r"^\| (\d+) \| (.*?) \|", text, flags=re.M)
    assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
    assert all(NAME.search(cell) for _, cell in steps)


def test_a_name_that_is_not_there_is_noticed() -> None:
    for name in ("lcom.cdvae.model.CDVAE.encoed", "lcom.cdvea.model", "lcom.data.nothing.read"):
        with pytest.raises((ImportError, AttributeError)):
            find(name)
