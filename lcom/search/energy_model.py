"""The formation energy of a crystal by a graph network: what RAS, PSO and BO search with (MEGNet in Cheng et al. 2022).

It is the CD-VAE's encoder with one number an atom in place of a latent, trained on the same split with the same hold-out.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lcom.batch import Batch, select
from lcom.elements import element_features
from lcom.nets.dimenet import AtomEmbedding, DimeNetPP
from lcom.nets.graph import build_graph
from lcom.nets.network import Network
from lcom.nets.noise import perturb
from lcom.nets.scalers import mean_and_deviation
from lcom.search.settings import EnergyModelSettings

WIDEST = 0.08  # of the edges: a quarter of the volume
PAIRS = 64 * 20**2  # of atoms, among which neighbours are looked for: what fits into memory


class EnergyModel(Network):
    """Crystals -> formation energies in eV/atom, [B]. Invariant to rotation, translation, order and choice of cell."""

    section, title, Settings = "energy_model", "energy model", EnergyModelSettings
    elements: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, settings: EnergyModelSettings) -> None:
        super().__init__(settings)
        s = self.settings
        elements = torch.tensor(element_features(), dtype=torch.float32)  # [Z, features]
        self.register_buffer("elements", elements)
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("std", torch.ones(()))
        self.atoms = AtomEmbedding(len(elements), elements.shape[1], s.encoder.hidden)
        self.network = DimeNetPP(s.encoder, s.cutoff, 1)

    def forward(self, batch: Batch) -> Tensor:
        graph = build_graph(batch, self.settings.cutoff, self.settings.neighbours)
        atoms = self.atoms(batch.numbers, self.elements)
        with self.precision(atoms.device):
            energy = self.network(atoms, batch, graph)
        return energy.squeeze(-1) * self.std + self.mean

    @torch.no_grad()
    def score(self, numbers: np.ndarray, frac_coords: np.ndarray, lattice: np.ndarray, size: int = 512) -> np.ndarray:
        """Energies of m crystals of n atoms each, [m, n], [m, n, 3] and [m, 3, 3] Å -> [m] eV/atom, ``size`` at a time."""
        device, energies = self.mean.device, []
        for start in range(0, len(numbers), size):
            part = slice(start, start + size)
            count, n = numbers[part].shape
            batch = Batch(
                torch.as_tensor(numbers[part]).reshape(-1),
                torch.as_tensor(frac_coords[part], dtype=torch.float32).reshape(-1, 3),
                torch.as_tensor(lattice[part], dtype=torch.float32),
                torch.full((count,), n),
            )
            energies.append(self(batch.to(device)).cpu())
        return torch.cat(energies).double().numpy() if energies else np.zeros(0)

    @torch.no_grad()
    def energies(self, batch: Batch) -> Tensor:
        """Energies of crystals of any sizes, in their order, [B] eV/atom: as many at once as have PAIRS pairs of atoms, or one."""
        order = torch.argsort(batch.n_atoms, stable=True)
        sizes, first, found = batch.n_atoms[order].tolist(), 0, torch.empty(len(order))
        for end in range(1, len(order) + 1):
            if end == len(order) or (end + 1 - first) * sizes[end] ** 2 > PAIRS:
                rows = order[first:end]
                found[rows] = self(select(batch, rows).to(self.mean.device)).cpu()
                first = end
        return found

    @torch.enable_grad()
    def slopes(self, batch: Batch, learn: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Energies of the crystals, [B] eV/atom, forces, [N, 3] eV/Å, and virials, dE/dstrain of the whole cell, [B, 3, 3] eV.

        learn: all of them can be differentiated again, in the weights.
        """
        shift = torch.zeros_like(batch.frac_coords, requires_grad=True)
        strain = torch.zeros_like(batch.lattice, requires_grad=True)
        lattice = batch.lattice + batch.lattice @ ((strain + strain.mT) / 2)
        moved = batch.frac_coords + torch.linalg.solve(batch.lattice.mT[batch.crystal], shift)
        energy = self(batch.replace(frac_coords=moved, lattice=lattice))
        gradients = torch.autograd.grad((energy * batch.n_atoms).sum(), (shift, strain), create_graph=learn)
        return energy if learn else energy.detach(), -gradients[0], gradients[1]

    def at_lowest_volumes(self, batch: Batch) -> tuple[Batch, Tensor]:
        """The crystals, each scaled evenly by at most WIDEST to where its energy is lowest, and those energies, [B] eV/atom.

        Between the scales that are looked at the lowest point is that of a parabola through three of them. A model that was taught that
        strained crystals keep their energies (`strain`) knows no volume: the crystals stay as they are.
        """
        if self.settings.strain:
            return batch, self.energies(batch).to(batch.lattice.device)
        scales = torch.linspace(1 - WIDEST, 1 + WIDEST, 5, device=batch.lattice.device)
        energies = self._scaled(batch, scales[:, None].expand(-1, len(batch.n_atoms)))  # [5, B]
        place = energies.argmin(0).clamp(1, len(scales) - 2)
        below, here, above = (energies.gather(0, (place + k)[None])[0] for k in (-1, 0, 1))
        curvature = (below - 2 * here + above).clamp(min=1e-6)
        step = (0.5 * (below - above) / curvature).clamp(-1, 1)  # of the distance between two scales
        best = (scales[place] + step * (scales[1] - scales[0]))[None]
        return batch.replace(lattice=batch.lattice * best[0, :, None, None]), self._scaled(batch, best)[0]

    def _scaled(self, batch: Batch, scales: Tensor) -> Tensor:
        """Energies at scales [S, B] of the edges, [S, B] eV/atom."""
        many = batch.repeat(len(scales))
        many = many.replace(lattice=many.lattice * scales.reshape(-1, 1, 1))
        return self.energies(many).to(scales.device).view(scales.shape)

    def chooser(self, latents: Tensor, rows: Tensor, crystals: Batch) -> Tensor:
        """Chooses among decodings (lcom.cdvae.decoding.Chooser) by the energies of the crystals themselves."""
        return self.energies(crystals).to(latents.device).view(latents.shape[:2])

    # ---- training

    def fit_scaler(self, batch: Batch) -> None:
        """Mean and deviation of the energies of the training set."""
        mean, deviation = mean_and_deviation(batch.labels, 1e-3)
        self.mean.copy_(mean)
        self.std.copy_(deviation)

    def losses(self, batch: Batch, generator: torch.Generator, teacher: bool = True) -> dict[str, Tensor]:
        """loss: Huber's of energies in standard deviations, and `slope_weight` times that of forces (eV/Å) and virials (eV/atom); mean
        absolute errors in these units, of energies in eV/atom. Only in training are the crystals perturbed."""
        device = batch.lattice.device

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator).to(device)

        weight = self.settings.slope_weight
        if not weight:
            seen = perturb(batch, self.settings.noise, self.settings.strain, normal) if self.training else batch
            error = self(seen) - batch.labels
            return {"loss": huber(error / self.std), "mae": error.abs().mean()}
        if batch.forces is None or batch.virial is None:
            raise ValueError("these crystals have no forces to learn")
        energy, forces, virial = self.slopes(batch, learn=torch.is_grad_enabled())
        error, push = energy - batch.labels, forces - batch.forces
        strain = (virial - batch.virial) / batch.n_atoms[:, None, None]
        return {
            "loss": huber(error / self.std) + weight * (huber(push) + huber(strain)),
            "mae": error.abs().mean(),
            "force_mae": push.abs().mean(),
            "virial_mae": strain.abs().mean(),
        }


def huber(error: Tensor) -> Tensor:
    """Mean of Huber's loss, quadratic up to a tenth."""
    return F.smooth_l1_loss(error, torch.zeros_like(error), beta=0.1)
