"""The energy model of a run as a calculator for ASE."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from ase.calculators.calculator import Calculator as AseCalculator
from ase.calculators.calculator import all_changes

from lcom.base.device import prepare_device
from lcom.batch import Batch
from lcom.crystal import Crystal
from lcom.elements import SYMBOLS
from lcom.prediction.possible import Possible
from lcom.prediction.run_folder import ENERGY_MODEL, run_folder, training_set
from lcom.search.energy_model import EnergyModel

if TYPE_CHECKING:
    from ase import Atoms

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


class Calculator(AseCalculator):
    """Energies, forces and stresses of crystals by the energy model of a run: `atoms.calc = lcom.Calculator()`.

    The energy (eV, of all atoms) is the formation energy: relative to the elements as the labels of the data set have it, so the zero of
    each element is its own solid, and energies are compared with those of the data set, not with a DFT code's. Forces (eV/Å) and
    stress (eV/Å³) are its gradients, so a relaxation finds its minimum (at a kink, the mean of the slopes: lcom.nets.graph). It has
    learned crystals near minima, and says little of others: molecules, surfaces, elements or distances that the data set has not.

    networks: folder of a run, as in `lcom predict`. A ValueError says what is missing, or what of the atoms it can't take.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress"]

    def __init__(self, networks: str | Path | None = None, device: str = "auto") -> None:
        super().__init__()
        folder = run_folder(networks)
        if not (folder / ENERGY_MODEL).is_file():
            raise ValueError(f"{folder} has no energy model: snakemake --cores 2 {folder / ENERGY_MODEL} makes it")
        self.elements = Possible.load(training_set(folder)).elements
        # float64: with rounded gradients a line search goes astray near the minimum
        self.model = EnergyModel.load(folder / ENERGY_MODEL, prepare_device(device, repeats=False)).double()

    def calculate(
        self, atoms: Atoms | None = None, properties: list[str] | None = None, system_changes: list[str] = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        self._check(self.atoms)
        crystal = Crystal.from_atoms(self.atoms)
        batch = Batch(
            torch.as_tensor(crystal.numbers),
            torch.as_tensor(crystal.frac_coords),
            torch.as_tensor(crystal.lattice)[None],
            torch.tensor([len(crystal)]),
        ).to(self.model.mean.device)
        energy, forces, virial = self.model.slopes(batch)
        energy, stress = energy * len(crystal), virial[0] / float(self.atoms.get_volume())
        self.results = {
            "energy": energy.item(),
            "free_energy": energy.item(),
            "forces": forces.cpu().numpy(),
            "stress": torch.stack([stress[i, j] for i, j in VOIGT]).cpu().numpy(),
        }

    def _check(self, atoms: Atoms) -> None:
        if not all(atoms.pbc):
            raise ValueError("the energy model knows crystals only: the cell must be periodic in all directions")
        if unknown := sorted(set(atoms.numbers.tolist()) - set(self.elements)):
            raise ValueError(f"{', '.join(SYMBOLS[z] for z in unknown)} not among the elements of the training data")
