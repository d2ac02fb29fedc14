"""The house: imports go downwards only, in no circle, and the networks need no crystal library. Read from the source, not from a run."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import lcom
from rules.common import imported_names

ROOT = Path(__file__).resolve().parents[1]
NOUNS = (
    "crystal",
    "symmetry",
    "batch",
    "elements",
    "physical",
    "matching",
    "structure_types",
    "formula",
    "compounds",
    "candidates",
)
FLOORS = [  # from the ground up: a module imports from its own room and from floors below
    {"base"},
    set(NOUNS),
    {"data"},
    {"nets"},
    {"cdvae"},
    {"surrogate"},
    {"starts"},
    {"search"},
    {"dft"},
    {"report"},
    {"prediction"},
    {"config"},
    {"stages", "cli"},
    {"__main__"},
]
UPWARDS = {("lcom.search.dft_pso", "dft")}  # a search with GPAW's energies
NETWORKS = ("nets", "cdvae", "surrogate")
# what a bare GPU node has; torch asks for filelock itself
ALLOWED = {"torch", "torch_geometric", "lightning", "numpy", "safetensors", "tqdm", "filelock"}

MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for file in sorted((ROOT / "lcom").rglob("*.py"))
}


def imports(module: str) -> set[str]:
    """The modules of the package that a module imports, at its top or inside functions."""
    return {name for name in imported_names(MODULES[module], module) if name in MODULES} - {"lcom", module}


def others(module: str) -> set[str]:
    """The packages beside lcom and Python's own that a module imports, anywhere."""
    names = {name.split(".")[0] for name in imported_names(MODULES[module], module)}
    return names - {"lcom", ""} - sys.stdlib_module_names


def room(module: str) -> str:
    return module.split(".")[1]


def floor(module: str) -> int:
    (found,) = [i for i, rooms in enumerate(FLOORS) if room(module) in rooms]
    return found


def in_rooms(*rooms: str) -> list[str]:
    return [module for module in MODULES if module != "lcom" and room(module) in rooms]


def test_imports_go_downwards_only() -> None:
    upwards = [
        f"{module} imports {name}"
        for module in MODULES.keys() - {"lcom"}
        for name in imports(module)
        if not (floor(name) < floor(module) or (floor(name) == floor(module) and room(name) == room(module)))
        if not (room(module) in NOUNS and room(name) in NOUNS)
        if (module, room(name)) not in UPWARDS
    ]
    assert upwards == []


def test_no_import_goes_in_a_circle() -> None:
    graph = {module: {name for name in imports(module) if MODULES[name].name != "__init__.py"} for module in MODULES}
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_stages_are_commands_that_nothing_imports() -> None:
    found = [(module, name) for module in MODULES for name in imports(module) if room(name) == "stages"]
    assert {name for _, name in found} <= {"lcom.stages", "lcom.stages.common"}
    assert {room(module) for module, _ in found} == {"stages"}


def test_the_package_knows_nothing_of_the_workflow() -> None:
    assert [module for module in MODULES if others(module) & {"snakemake", "rules", "tests", "benchmarks"}] == []


@pytest.mark.parametrize("module", in_rooms(*NETWORKS))
def test_a_network_imports_what_a_bare_gpu_node_has(module: str) -> None:
    assert others(module) <= ALLOWED


def test_networks_run_where_nothing_else_is_installed() -> None:
    """Every module of the networks is imported, and a crystal encoded and decoded, while any other package cannot be imported."""
    allowed = ALLOWED | {"lcom", "tests"}
    code = f"""
import sys
import lightning, torch_geometric, torch, safetensors.torch, tqdm  # with what they need themselves
import numpy as np
theirs = {{name.split(".")[0] for name in sys.modules}}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.split(".")[0]
        if top not in {allowed!r} | theirs | sys.stdlib_module_names:
            raise ModuleNotFoundError(f"no {{top}} on a bare node")
sys.meta_path.insert(0, Refuse())
for name in ("pymatgen", "ase", "spglib", "scipy", "pandas", "pyarrow"):
    for module in [module for module in sys.modules if module.split(".")[0] == name]:
        del sys.modules[module]
    theirs.discard(name)

from importlib import import_module
for module in {in_rooms(*NETWORKS)!r}:
    import_module(module)
import torch
from lcom.batch import pack
from lcom.crystal import Crystal
from lcom.cdvae.decoding import decode
from lcom.cdvae.model import CDVAE, CDVAESettings
from lcom.cdvae.settings import DecodeSettings
batch = pack([Crystal(np.array([11, 17]), np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]]), 4 * np.eye(3))])
model = CDVAE(CDVAESettings()).eval()
decoded, distance = decode(model, model.encode(batch)[0], batch, DecodeSettings(samples=1, levels=2), [("test",)])
print(tuple(decoded.frac_coords.shape), sorted(m for m in sys.modules if m in ("pymatgen", "ase", "spglib", "scipy")))
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout == "(2, 3) []\n", run.stderr[-2000:]


def test_no_room_but_the_house_offers_names() -> None:
    """`__init__.py` files are empty: whoever imports a module of a room imports nothing else of it."""
    assert [str(file) for file in MODULES.values() if file.name == "__init__.py" and file.read_text()] == [
        str(ROOT / "lcom/__init__.py")
    ]


def test_the_public_names_are_there_and_their_types_are_known() -> None:
    tree = ast.parse(MODULES["lcom"].read_text(encoding="utf-8"))
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {alias.asname: node.module for node in checked.body for alias in node.names}
    assert typed == lcom.__where__
    for name, module in lcom.__where__.items():
        assert getattr(lcom, name).__module__ == module
    assert set(lcom.__where__) <= set(dir(lcom))
    with pytest.raises(AttributeError, match="no attribute 'Cristal'"):
        lcom.Cristal  # noqa: B018


def test_the_package_itself_takes_none_of_its_public_names() -> None:
    """Its modules import from modules, so that a stage's digest sees what it depends on."""
    taken = {name for module in MODULES for name in imported_names(MODULES[module], module)}
    assert taken & {f"lcom.{name}" for name in lcom.__where__} == set()


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, lcom; print({'numpy', 'torch', 'pymatgen', 'ase'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
