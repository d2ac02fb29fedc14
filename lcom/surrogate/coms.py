"""The surrogate of the energy over latents: conservative objective models (LCOMs) and supervised learning (SL).

COMs (Trabucco et al. 2021, arXiv 2107.06882), written for an energy, where lower is better:

    minimise   mean (E(z, c) - y)² + alpha mean (E(z, c) - E(z+, c))        over the network
    with       z+ = n steps of gradient descent on E from z                 (no gradient through z+)
    alpha >= 0 rises while mean (E(z, c) - E(z+, c)) > tau, and falls below it

so energies that descent finds below those of the data by more than tau are pushed up. SL is the same network with alpha = 0.
All seeds are trained side by side as one stack of networks, [S, ...]: member s depends on its seed alone.
"""

from __future__ import annotations

import dataclasses
import math
import os
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lcom.base.settings import parse_settings
from lcom.base.tensors import load_tensors, save_tensors
from lcom.nets.scalers import mean_and_deviation
from lcom.surrogate.settings import SurrogateSettings

if TYPE_CHECKING:
    from lcom.cdvae.decoding import Chooser

SURROGATES = ("lcoms", "sl")


class Stacked(nn.Module):
    """A linear layer for each of S networks: [S, B, in] -> [S, B, out]. Network s is initialised from generators[s]."""

    def __init__(self, n_in: int, n_out: int, generators: list[torch.Generator]) -> None:
        super().__init__()
        bound = 1 / math.sqrt(n_in)
        draw = [(torch.rand(n_in + 1, n_out, generator=g) * 2 - 1) * bound for g in generators]
        self.weight = nn.Parameter(torch.stack([d[:-1] for d in draw]))
        self.bias = nn.Parameter(torch.stack([d[-1:] for d in draw]))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


class Surrogate(nn.Module):
    """E(z, c) for S seeds: standardised latents [S, B, latent] and compositions [S, B, n_c] -> [S, B], standardised target."""

    z_mean: Tensor
    z_std: Tensor
    y_mean: Tensor
    y_std: Tensor

    def __init__(self, settings: SurrogateSettings, latent: int, n_c: int, seeds: int) -> None:
        super().__init__()
        self.settings, self.sizes = settings, (latent, n_c, seeds)
        self.register_buffer("z_mean", torch.zeros(latent))
        self.register_buffer("z_std", torch.ones(latent))
        self.register_buffer("y_mean", torch.zeros(()))
        self.register_buffer("y_std", torch.ones(()))
        generators = [torch.Generator().manual_seed(s) for s in range(seeds)]
        n_in, h = latent + (n_c if settings.composition else 0), settings.hidden
        self.layers = nn.ModuleList(Stacked(a, b, generators) for a, b in ((n_in, h), (h, h), (h, 1)))

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        x = torch.cat([z, c], -1) if self.settings.composition else z
        for layer in self.layers[:-1]:
            x = F.leaky_relu(layer(x), 0.3)  # the slope of the original's Keras
        return self.layers[-1](x).squeeze(-1)

    def energy(self, z: Tensor, c: Tensor) -> Tensor:
        """The prediction in eV/atom."""
        return self(z, c) * self.y_std + self.y_mean

    def energies(self, z: Tensor, c: Tensor) -> Tensor:
        """The predictions in eV/atom of all networks, latents [R, latent], c [R, n_c] -> [S, R]."""
        return self.energy(*(x.expand(self.sizes[2], -1, -1) for x in (self.standardise(z), c)))

    def energy_of(self, z: Tensor, c: Tensor, seed: Tensor) -> Tensor:
        """The prediction in eV/atom of the network of each row's seed: latents [..., R, latent], c [R, n_c], seed [R] -> [..., R]."""
        flat = z.reshape(-1, z.shape[-1])
        times = len(flat) // len(seed)
        predicted = self.energies(flat, c.repeat(times, 1))
        return predicted.gather(0, seed.repeat(times)[None]).view(z.shape[:-1])

    def chooser(self, c: Tensor, seed: Tensor) -> Chooser:
        """What chooses among decodings of latents with compositions c [R, n_c] and seeds [R], by the energies of their own latents."""
        return lambda latents, rows, crystals: self.energy_of(latents, c[rows], seed[rows])

    def standardise(self, z: Tensor) -> Tensor:
        return (z - self.z_mean) / self.z_std

    def restore(self, z: Tensor) -> Tensor:
        return z * self.z_std + self.z_mean

    def descend(self, z: Tensor, c: Tensor, step_size: float, steps: int) -> list[Tensor]:
        """Gradient descent on E (eq. 5): the standardised latents after 0, 1, … steps, [S, B, latent] each."""
        path = [z.detach()]
        for _ in range(steps):
            with torch.enable_grad():
                at = path[-1].requires_grad_(True)
                (gradient,) = torch.autograd.grad(self(at, c).sum(), at)
            path[-1] = at.detach()
            path.append((at - step_size * math.sqrt(z.shape[-1]) * gradient).detach())
        return path

    def save(self, path: str | os.PathLike, **meta: Any) -> None:
        save_tensors(
            path, self.state_dict(), {"surrogate": dataclasses.asdict(self.settings), "sizes": self.sizes, **meta}
        )

    @classmethod
    def load(cls, path: str | os.PathLike, device: torch.device | str = "cpu") -> Surrogate:
        """A ValueError if the file holds another network or one of another version."""
        tensors, meta = load_tensors(path)
        if "surrogate" not in meta:
            raise ValueError(f"{path} is no surrogate: it should be the output of the rule train_surrogate")
        try:
            model = cls(parse_settings(SurrogateSettings, meta["surrogate"], "surrogate"), *meta["sizes"])
            model.load_state_dict(tensors)
        except (TypeError, ValueError, KeyError, RuntimeError) as error:
            raise ValueError(
                f"{path} was written by another version of lcom: remove it to train it anew ({error})"
            ) from error
        return model.to(device).eval()


def fit(
    method: str,
    settings: SurrogateSettings,
    train: tuple[Tensor, Tensor, Tensor],
    val: tuple[Tensor, Tensor, Tensor],
    seeds: int,
    device: str = "cpu",
) -> tuple[Surrogate, list[dict[str, float]]]:
    """Train one network a seed on (latents [B, latent], compositions [B, n_c], energies [B] eV/atom).

    Returns the stack, and for every epoch and seed: the errors in eV/atom, the gap E(z) - E(z+) (for sl, of the first batch) and
    alpha.
    """
    z, c, y = (t.to(device) for t in train)
    model = Surrogate(settings, z.shape[1], c.shape[1], seeds).to(device)
    for mean, deviation, values in ((model.z_mean, model.z_std, z), (model.y_mean, model.y_std, y)):
        for buffer, value in zip((mean, deviation), mean_and_deviation(values, 1e-4), strict=True):
            buffer.copy_(value)
    z, y = model.standardise(z), (y - model.y_mean) / model.y_std
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.lr)
    conservative = method == "lcoms"
    alpha = torch.full((seeds,), settings.alpha if conservative else 0.0, device=device, requires_grad=True)
    dual = torch.optim.Adam([alpha], lr=settings.alpha_lr)
    orders = [torch.Generator().manual_seed(1_000_003 + s) for s in range(seeds)]
    rows = []
    for epoch in range(settings.epochs):
        order = torch.stack([torch.randperm(len(y), generator=g) for g in orders]).to(device)  # [S, B]
        squared, gaps = [], []
        for k, index in enumerate(order.split(settings.batch_size, dim=1)):
            zb, cb, yb = z[index], c[index], y[index]
            here = model(zb, cb)
            loss = error = (here - yb).square().mean(1)  # [S]
            if conservative or k == 0:  # of sl the gap is only reported
                above = model.descend(zb, cb, settings.particle_step, settings.inner_steps)[-1]
                gap = (here - model(above, cb)).mean(1)  # [S]
                gaps.append(gap.detach())
            if conservative:
                loss = error + alpha.detach() * gap
            loss = loss.sum()  # the members share no weights: a sum trains each alone
            if not torch.isfinite(loss):
                raise FloatingPointError(
                    f"{method}: the loss is not finite in epoch {epoch}: lower surrogate.lr or particle_step"
                )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if conservative:
                dual.zero_grad()
                (alpha * (settings.tau - gap.detach())).sum().backward()
                dual.step()
                with torch.no_grad():
                    alpha.clamp_(min=0.0)
            squared.append(error.detach())
        rows += _report(model, epoch, torch.stack(squared), torch.stack(gaps), alpha.detach(), val)
    return model.eval(), rows


@torch.no_grad()
def _report(
    model: Surrogate, epoch: int, squared: Tensor, gaps: Tensor, alpha: Tensor, val: tuple[Tensor, Tensor, Tensor]
) -> list[dict[str, float]]:
    seeds = len(alpha)
    z, c, y = (t.to(alpha.device) for t in val)
    predicted = model.energy(model.standardise(z).expand(seeds, -1, -1), c.expand(seeds, -1, -1))
    mae = (predicted - y).abs().mean(1)
    rmse = squared.mean(0).sqrt() * model.y_std
    return [
        {"epoch": epoch, "seed": s, "train_rmse": rmse[s].item(), "val_mae": mae[s].item(), "gap": gaps.mean(0)[s].item(),
         "alpha": alpha[s].item()}
        for s in range(seeds)
    ]  # fmt: skip
