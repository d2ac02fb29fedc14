"""What the config says of the auto-encoder (`cdvae`) and of the sampler (`decode`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from lcom.base.settings import Key, Settings
from lcom.nets.settings import DecoderSettings, EncoderSettings


@dataclass(frozen=True)
class CDVAESettings(Settings):
    """Sizes and losses."""

    encoder: Annotated[EncoderSettings, Key("DimeNet++")] = EncoderSettings()
    decoder: Annotated[DecoderSettings, Key("GemNet with direct forces")] = DecoderSettings()
    latent: Annotated[int, Key("numbers in a latent", minimum=1)] = 16
    head_hidden: Annotated[int, Key("width of the hidden layers that predict the cell", minimum=1)] = 256
    head_layers: Annotated[int, Key("how many of them (the paper: 1)", minimum=1)] = 2
    element_features: Annotated[
        bool, Key("embed elements by their features, too, not by their number alone (not in the paper)")
    ] = True
    cutoff: Annotated[float, Key("Å, longest edge of the graph", above=0)] = 7.0
    neighbours: Annotated[int, Key("edges per atom, the nearest ones", minimum=1)] = 20
    kl_weight: Annotated[float, Key("weight of the Kullback-Leibler loss", minimum=0)] = 0.1
    coord_weight: Annotated[float, Key("weight of the loss of the positions", minimum=0)] = 10.0
    lattice_weight: Annotated[float, Key("weight of the loss of the cell", minimum=0)] = 10.0
    strain_weight: Annotated[float, Key("weight of the loss of the strain", minimum=0)] = 10.0
    energy_weight: Annotated[
        float,
        Key(
            "weight of the loss of a head that predicts `surrogate.target` from the latent, so that latents know energies "
            "(published CD-VAE; the paper leaves it open); 0: no head",
            minimum=0,
        ),
    ] = 0.0
    sigma_begin: Annotated[float, Key("Å, the largest noise on the positions", above=0)] = 1.5
    sigma_end: Annotated[float, Key("Å, the smallest noise on the positions", above=0)] = 0.03
    levels: Annotated[int, Key("noise levels between them", minimum=2)] = 50
    sigma_input: Annotated[bool, Key("tell the decoder the noise level (not in the paper)")] = True
    composition: Annotated[bool, Key("condition on the composition (not in the paper)")] = True
    strain: Annotated[
        float,
        Key(
            "mean size (standard deviation) of the strain of the cell in training, which the decoder learns to undo; "
            "0: no strain output (the paper)",
            minimum=0,
            below=0.5,
        ),
    ] = 0.08
    encoder_noise: Annotated[
        float, Key("Å, noise on the positions that the encoder sees in training (not in the paper)", minimum=0)
    ] = 0.05
    encoder_strain: Annotated[
        float,
        Key("standard deviation of the strain of the cells that it sees (not in the paper)", minimum=0, below=0.2),
    ] = 0.03

    def contradictions(self) -> Iterator[tuple[str, str]]:
        if not self.sigma_end < self.sigma_begin:
            yield "sigma_end", f"{self.sigma_end} must be less than cdvae.sigma_begin ({self.sigma_begin})"
        if self.decoder.kind == "gemnet-dQ" and not self.decoder.quad_neighbours < self.neighbours:
            text = f"{self.decoder.quad_neighbours} must be less than cdvae.neighbours ({self.neighbours})"
            yield "decoder.quad_neighbours", text
        if self.encoder.graph == "crystalnn" and (self.encoder_noise or self.encoder_strain):
            text = "crystalnn needs cdvae.encoder_noise and cdvae.encoder_strain to be 0: bonds are found once, not anew for "
            yield "encoder.graph", text + "every perturbed crystal"


Samples = Annotated[int, Key("crystals decoded from each latent, of which one is kept", minimum=1)]
Choice = Annotated[
    Literal["energy", "energy_model", "latent"],
    Key(
        "energy: the one that encodes to the lowest energy by the surrogate. energy_model: the lowest by the energy model, which sees the "
        "crystal. latent: the one that encodes closest to the latent"
    ),
]


@dataclass(frozen=True)
class SamplerSettings(Settings):
    """The sampler (config section `decode`). config/paper.yaml has the published one."""

    schedule: Annotated[
        Literal["ancestral", "langevin"],
        Key("ancestral: one call a noise level. langevin: annealed Langevin dynamics (the paper)"),
    ] = "ancestral"
    levels: Annotated[int, Key("noise levels", minimum=2)] = 16
    steps: Annotated[int, Key("Langevin steps a level (langevin only)", minimum=1)] = 1
    step_size: Annotated[float, Key("Å², Langevin step at the smallest noise (langevin only)", above=0)] = 1.0e-4
    last_step: Annotated[bool, Key("end with one step without noise, which is not in the paper (langevin only)")] = True
    strain_steps: Annotated[
        int,
        Key(
            "steps after that, without noise, that mend the cell, too, told the noise levels again, from the largest to the "
            "smallest; 0 for a model without a strain output",
            minimum=0,
        ),
    ] = 16

    @property
    def noises(self) -> int:
        """How many draws of noise a decoding needs."""
        return self.levels * (self.steps if self.schedule == "langevin" else 1)


@dataclass(frozen=True)
class DecodeSettings(SamplerSettings):
    """The sampler, and how a column of Table 1 uses it."""

    samples: Samples = 8
    choice: Choice = "energy"
