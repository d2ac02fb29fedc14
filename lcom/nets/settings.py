"""What the config says of the networks and of their training (`cdvae.encoder`, `cdvae.decoder`, `training`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from lcom.base.settings import Key, Settings

GraphKind = Literal["radius", "crystalnn"]
DecoderKind = Literal["gemnet-dT", "gemnet-dQ"]


@dataclass(frozen=True)
class EncoderSettings(Settings):
    """Sizes of DimeNet++ (names as in the paper; CD-VAE: 128, 4, 64, 8, 256, 7, 6)."""

    graph: Annotated[
        GraphKind,
        Key(
            "radius: the nearest neighbours. crystalnn: chemical bonds (the paper), found once and cached; too slow for energy_model"
        ),
    ] = "radius"
    hidden: Annotated[int, Key("width of the messages", minimum=1)] = 64
    blocks: Annotated[int, Key("interaction blocks", minimum=1)] = 2
    int_emb: Annotated[int, Key("width inside the triplet sums", minimum=1)] = 32
    basis_emb: Annotated[int, Key("width of the embedded basis functions", minimum=1)] = 8
    out_emb: Annotated[int, Key("width of the output layers", minimum=1)] = 128
    spherical: Annotated[int, Key("angular basis functions", minimum=1)] = 5
    radial: Annotated[int, Key("radial basis functions", minimum=1)] = 6
    before_skip: Annotated[int, Key("residual layers before the skip connection", minimum=0)] = 1
    after_skip: Annotated[int, Key("residual layers after the skip connection", minimum=0)] = 1
    output_layers: Annotated[int, Key("layers of each output block", minimum=0)] = 2


@dataclass(frozen=True)
class DecoderSettings(Settings):
    """Sizes of GemNet (CD-VAE: hidden 128, 3 blocks, 128 radial, 7 spherical, trip 64, rbf/cbf 16, bilinear 64, 3 residual)."""

    kind: Annotated[DecoderKind, Key("gemnet-dT: sums over angles. gemnet-dQ: over dihedral angles, too")] = "gemnet-dT"
    hidden: Annotated[int, Key("width of atoms and edges", minimum=1)] = 64
    blocks: Annotated[int, Key("interaction blocks", minimum=1)] = 2
    radial: Annotated[int, Key("radial basis functions", minimum=2)] = 64
    spherical: Annotated[int, Key("angular basis functions", minimum=1)] = 5
    emb_trip: Annotated[int, Key("width inside the triplet sums", minimum=1)] = 32
    emb_rbf: Annotated[int, Key("width of the embedded radial basis", minimum=1)] = 16
    emb_cbf: Annotated[int, Key("width of the embedded angular basis", minimum=1)] = 8
    bilinear: Annotated[int, Key("width of the bilinear layer", minimum=1)] = 32
    after_skip: Annotated[int, Key("residual layers of the messages of a block", minimum=0)] = 1
    residual: Annotated[
        int, Key("residual layers of the atom update and of the heads that read the messages", minimum=0)
    ] = 1
    emb_quad: Annotated[int, Key("width inside the quadruplet sums (gemnet-dQ only)", minimum=1)] = 16
    quad_neighbours: Annotated[
        int,
        Key("nearest neighbours through which an atom hears of bonds two away (gemnet-dQ only)", minimum=1),
    ] = 8


@dataclass(frozen=True)
class TrainingSettings(Settings):
    """How a network is trained. It stops at the last epoch, or before it when it no longer gets better."""

    epochs: Annotated[int, Key("epochs at most", minimum=1)] = 100
    batch_size: Annotated[int, Key("crystals in a batch", minimum=1)] = 64
    lr: Annotated[float, Key("learning rate of AdamW", above=0)] = 1.5e-3
    weight_decay: Annotated[float, Key("of AdamW; 0 is Adam (the paper)", minimum=0)] = 0.01
    schedule: Annotated[
        Literal["cosine", "plateau"],
        Key(
            "of the learning rate. cosine: to zero. plateau: lowered when the validation loss stands still (the paper)"
        ),
    ] = "cosine"
    clip: Annotated[Literal["norm", "value"], Key("clip gradients by their norm, or by value (the paper)")] = "norm"
    clip_value: Annotated[float, Key("largest norm or value of a gradient", above=0)] = 5.0
    ema: Annotated[float, Key("decay of the averaged weights, which are the ones kept", minimum=0, below=1)] = 0.995
    patience: Annotated[int, Key("stop after so many epochs without a better validation loss", minimum=1)] = 40
    teacher_forcing: Annotated[
        float,
        Key("fraction of the epochs in which the decoder is given the true cell (cdvae only)", minimum=0, maximum=1),
    ] = 1.0
    begin: Annotated[
        Literal["random", "shipped"],
        Key(
            "weights to begin from. random: none. shipped: those of the networks that come with lcom, for fewer epochs or few crystals "
            "(sizes as theirs, and no compound of the table among what they were trained on)"
        ),
    ] = "random"
    seed: Annotated[int, Key("seed of weights, noise and the order of the crystals", minimum=0)] = 0
    devices: Annotated[
        int, Key("GPUs (processes where there is none); each takes batches of batch_size", minimum=1)
    ] = 1
    precision: Annotated[
        Literal["32", "bf16-mixed"],
        Key('"32", or bf16-mixed: products of the networks in bfloat16; graphs, harmonics and losses stay float32'),
    ] = "32"
    checkpoint_minutes: Annotated[
        float, Key("minutes between checkpoints within an epoch, beside the one after each", above=0)
    ] = 10.0
