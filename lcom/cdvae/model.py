"""The crystal diffusion variational auto-encoder (Xie et al. 2021, arXiv 2110.06197) and its losses.

encode: a crystal -> a Gaussian over latents z. decode: z -> a cell (lattice head) and, by denoising, positions
(lcom.cdvae.sampler). Atom types and their number are given by the formula, so the losses for them are left out (LCOMs, sec. 4.1).

What goes beyond the paper has a switch in the settings, off in config/paper.yaml: the denoiser is told the noise level, everything is
conditioned on the composition, elements are embedded by their features, the lattice head is deeper, and a second output of the denoiser
predicts the strain of a wrong cell. docs/method.md says what each is worth, and what else differs.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcom.batch import Batch
from lcom.cdvae.settings import CDVAESettings
from lcom.elements import element_features
from lcom.nets.dimenet import AtomEmbedding, DimeNetPP
from lcom.nets.gemnet import GemNet
from lcom.nets.graph import Graph, bond_graph, build_graph, composition_features, move, scatter_mean, searchable
from lcom.nets.network import Network
from lcom.nets.noise import displacement, noise_levels, perturb
from lcom.nets.scalers import mean_and_deviation

MAX_SIZE = 64  # larger cells share an embedding


class CDVAE(Network):
    """Encoder, lattice head and denoiser. Buffers hold the element table and the scaler of the lattice parameters."""

    section, title, Settings = "cdvae", "CD-VAE model", CDVAESettings
    elements: Tensor
    lattice_mean: Tensor
    lattice_std: Tensor
    sigmas: Tensor
    energy_mean: Tensor
    energy_std: Tensor

    def __init__(self, settings: CDVAESettings) -> None:
        super().__init__(settings)
        s = self.settings
        elements = torch.tensor(element_features(), dtype=torch.float32)  # [Z, features], row 0 is zero
        self.register_buffer("elements", elements)
        self.register_buffer("lattice_mean", torch.zeros(6))
        self.register_buffer("lattice_std", torch.ones(6))
        self.register_buffer("sigmas", noise_levels(s.sigma_begin, s.sigma_end, s.levels))
        n_size = 8
        n_c = 2 * elements.shape[1] + n_size if s.composition else 0

        n_features = elements.shape[1] if s.element_features else 0
        self.encoder_atoms = AtomEmbedding(len(elements), n_features, s.encoder.hidden)
        self.encoder = DimeNetPP(s.encoder, s.cutoff, s.head_hidden)
        self.mu = nn.Linear(s.head_hidden, s.latent)
        self.log_var = nn.Linear(s.head_hidden, s.latent)
        widths = [s.latent + n_c] + s.head_layers * [s.head_hidden]
        hidden = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
        self.lattice_head = nn.Sequential(*hidden, nn.Linear(s.head_hidden, 6))
        self.energy_head = None
        if s.energy_weight:
            self.energy_head = nn.Sequential(
                nn.Linear(s.latent + 2 * elements.shape[1], s.head_hidden), nn.SiLU(), nn.Linear(s.head_hidden, 1)
            )
            self.register_buffer("energy_mean", torch.zeros(()))
            self.register_buffer("energy_std", torch.ones(()))
        self.size = nn.Embedding(MAX_SIZE + 1, n_size) if s.composition else None
        self.decoder_atoms = AtomEmbedding(len(elements), n_features, s.decoder.hidden)
        n_sigma = 16 if s.sigma_input else 0
        self.decoder = GemNet(s.decoder, s.cutoff, s.decoder.hidden + s.latent + n_c + n_sigma)

    # ---- the parts

    def graph(self, batch: Batch, offsets: Tensor | None = None) -> Graph:
        return build_graph(batch, self.settings.cutoff, self.settings.neighbours, offsets)

    def _encoder_graph(self, batch: Batch) -> Graph:
        if self.settings.encoder.graph == "radius":
            return self.graph(batch)
        if batch.bonds is None:  # few crystals, such as starts and candidates
            from lcom.data.crystalnn import attach_bonds

            batch = attach_bonds(batch)
        return bond_graph(batch, self.settings.cutoff)

    def composition(self, batch: Batch) -> Tensor:
        """c: mean and standard deviation over the atoms of the element features, [B, 2 · features]."""
        return composition_features(batch, self.elements)

    def encode(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Mean and log variance of z, [B, latent] each."""
        atoms, graph = self.encoder_atoms(batch.numbers, self.elements), self._encoder_graph(batch)
        with self.precision(atoms.device):
            hidden = self.encoder(atoms, batch, graph).float()
        return self.mu(hidden), self.log_var(hidden).clamp(-20, 20)

    def context(self, z: Tensor, batch: Batch) -> Tensor:
        """What the decoder is given beside the atoms: z, and if the model is conditioned on it, c and the number of atoms.

        [B, context]. Wurtzite and zincblende differ little from atom to atom, but their primitive cells hold 4 and 2 of them.
        """
        if self.size is None:
            return z
        return torch.cat([z, self.composition(batch), self.size(batch.n_atoms.clamp(max=MAX_SIZE))], -1)

    def lattice_targets(self, batch: Batch) -> Tensor:
        """Lengths / n^(1/3) (Å) and angles (degrees), [B, 6], before standardising."""
        lengths = batch.lattice.norm(dim=-1)
        unit = batch.lattice / lengths[..., None]
        cosines = torch.stack([(unit[:, i] * unit[:, j]).sum(-1) for i, j in ((1, 2), (0, 2), (0, 1))], -1)
        angles = torch.rad2deg(torch.acos(cosines.clamp(-1, 1)))
        return torch.cat([lengths / batch.n_atoms[:, None] ** (1 / 3), angles], -1)

    def predict_lattice(self, context: Tensor, batch: Batch) -> Tensor:
        """Cells from the lattice head, [B, 3, 3] Å; parameters held within what Niggli cells have; a box if they make none."""
        # a latent that is not finite gets the mean cell, and no error: its decoding is lost, which decode reports
        values = torch.nan_to_num(self.lattice_head(context), 0.0, 0.0, 0.0)
        values = values * self.lattice_std + self.lattice_mean
        lengths = values[:, :3].clamp(min=1.0) * batch.n_atoms[:, None] ** (1 / 3)
        cos_a, cos_b, cos_g = torch.cos(torch.deg2rad(values[:, 3:].clamp(45, 135))).unbind(-1)
        sin_g = (1 - cos_g**2).sqrt()
        c_y = (cos_a - cos_b * cos_g) / sin_g
        c_z = (1 - cos_b**2 - c_y**2).clamp(min=0.25).sqrt()
        zero = torch.zeros_like(cos_a)
        rows = [[torch.ones_like(cos_a), zero, zero], [cos_g, sin_g, zero], [cos_b, c_y, c_z]]
        unit = F.normalize(torch.stack([torch.stack(row, -1) for row in rows], -2), dim=-1)
        cells, boxes = unit * lengths[..., None], torch.diag_embed(lengths)
        return torch.where(searchable(cells, self.settings.cutoff)[:, None, None], cells, boxes)

    def denoise(
        self, noisy: Batch, context: Tensor, sigma: Tensor, offsets: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Displacements to the clean crystal in units of sigma, [N, 3], and the strain that mends the cell, [B, 3, 3].

        context [B, context]; sigma [B] in Å; offsets as in ``build_graph``.
        """
        per_crystal = [context]
        if self.settings.sigma_input:
            per_crystal.append(self._sigma_embedding(sigma))
        per_atom = torch.cat(per_crystal, -1)[noisy.crystal]
        atoms = torch.cat([self.decoder_atoms(noisy.numbers, self.elements), per_atom], -1)
        graph = self.graph(noisy, offsets)
        with self.precision(atoms.device):
            vectors, tensors = self.decoder(atoms, noisy, graph)
        return vectors.float(), tensors.float() * self.settings.strain

    def _sigma_embedding(self, sigma: Tensor) -> Tensor:
        """Sines and cosines of log sigma, [B, 16]."""
        phase = torch.log(sigma)[:, None] * (0.5 * 2.0 ** torch.arange(8, device=sigma.device) / 4)
        return torch.cat([torch.sin(phase), torch.cos(phase)], -1)

    # ---- losses

    def losses(self, batch: Batch, generator: torch.Generator, teacher: bool = True) -> dict[str, Tensor]:
        """The terms of the objective, unweighted, and their weighted sum ``loss``. teacher: the denoiser sees the true cell."""
        s, device = self.settings, batch.lattice.device
        b = len(batch.n_atoms)
        if s.strain and not teacher:  # the way back from a predicted cell is no strain that is known
            raise ValueError("config: 'cdvae.training.teacher_forcing' must be 1 if 'cdvae.strain' is not 0")

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator).to(device)

        mu, log_var = self.encode(perturb(batch, s.encoder_noise, s.encoder_strain, normal))
        z = mu + (0.5 * log_var).exp() * normal(*mu.shape)
        kl = -0.5 * (1 + log_var - mu.square() - log_var.exp()).sum(-1).mean()

        context = self.context(z, batch)
        target = (self.lattice_targets(batch) - self.lattice_mean) / self.lattice_std
        lattice_loss = F.mse_loss(self.lattice_head(context), target)

        lattice = batch.lattice if teacher else self.predict_lattice(context, batch).detach()
        back = None
        if s.strain:
            size = s.strain * 2 * torch.rand(b, 1, 1, generator=generator).to(device)
            strain = normal(b, 3, 3) * size
            strain = (0.5 * (strain + strain.mT)).clamp(-0.3, 0.3)
            eye = torch.eye(3, device=device)
            lattice = lattice @ (eye + strain)
            back = torch.linalg.inv(eye + strain) - eye  # what the strain output has to say
        level = torch.randint(s.levels, (b,), generator=generator).to(device)
        sigma = self.sigmas[level]
        noisy = move(batch.replace(lattice=lattice), normal(len(batch.numbers), 3) * sigma[batch.crystal, None])
        vectors, tensors = self.denoise(noisy, context, sigma)
        wanted = displacement(noisy, batch.frac_coords) / sigma[batch.crystal, None]
        coord = 0.5 * scatter_mean((vectors - wanted).square().sum(-1), batch).mean()

        terms = {"kl": kl, "lattice": lattice_loss, "coord": coord}
        loss = s.kl_weight * kl + s.lattice_weight * lattice_loss + s.coord_weight * coord
        if back is not None:
            terms["strain"] = ((tensors - back) / s.strain).square().mean()
            loss = loss + s.strain_weight * terms["strain"]
        if self.energy_head is not None:
            known = torch.cat([z, self.composition(batch)], -1)  # as the surrogate
            wanted = (batch.labels - self.energy_mean) / self.energy_std
            terms["energy"] = F.smooth_l1_loss(self.energy_head(known).squeeze(-1), wanted, beta=0.1)
            loss = loss + s.energy_weight * terms["energy"]
        return {"loss": loss, **terms}

    def fit_scaler(self, batch: Batch) -> None:
        """Mean and deviation of the lattice targets over the training set, and of the energies if the latent is to know them."""
        mean, deviation = mean_and_deviation(self.lattice_targets(batch), 1e-3)
        self.lattice_mean.copy_(mean)
        self.lattice_std.copy_(deviation)
        if self.energy_head is not None:
            mean, deviation = mean_and_deviation(batch.labels, 1e-3)
            self.energy_mean.copy_(mean)
            self.energy_std.copy_(deviation)
