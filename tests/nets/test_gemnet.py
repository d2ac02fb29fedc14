"""GemNet-dT and dQ: outputs turn with the crystal, and the bilinear layer equals the plain sum over triplets."""

import math
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
import yaml
from scipy.special import eval_legendre

from lcom.base.settings import parse_settings
from lcom.batch import pack
from lcom.cdvae.model import CDVAE
from lcom.cdvae.settings import CDVAESettings
from lcom.crystal import Crystal
from lcom.nets.basis import spherical_harmonics
from lcom.nets.gemnet import GemNet, Triplets
from lcom.nets.graph import build_graph
from lcom.nets.settings import DecoderKind, DecoderSettings
from tests.crystals import KNOWN, random_crystals, rotation, supercell

ROOT = Path(__file__).resolve().parents[2]
KINDS = get_args(DecoderKind)


@pytest.fixture(scope="module", params=KINDS)
def model(request: pytest.FixtureRequest) -> CDVAE:
    torch.manual_seed(0)
    return CDVAE(CDVAESettings(decoder=DecoderSettings(kind=request.param))).eval()


@torch.no_grad()
def _denoise(
    model: CDVAE, crystal: Crystal, z: torch.Tensor, like: Crystal | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """like: the crystal whose composition and number of atoms the denoiser is told."""
    context = model.context(z, pack([like or crystal]))
    return model.denoise(pack([crystal]), context, torch.tensor([0.3]))


def test_equivariance(model: CDVAE) -> None:
    z = torch.randn(1, model.settings.latent)
    for crystal in random_crystals(3, 5):
        vectors, strain = _denoise(model, crystal, z)
        assert vectors.abs().max() > 1e-2 and strain.abs().max() > 1e-5
        torch.testing.assert_close(strain, strain.mT)
        r = rotation(3)
        order = np.random.default_rng(1).permutation(5)
        turned = Crystal(crystal.numbers[order], crystal.frac_coords[order] + 0.21, crystal.lattice @ r)
        v, s = _denoise(model, turned, z)
        r32 = torch.tensor(r, dtype=torch.float32)
        torch.testing.assert_close(v, vectors[order] @ r32, atol=2e-4, rtol=1e-3)
        torch.testing.assert_close(s, r32.T @ strain @ r32, atol=2e-5, rtol=1e-3)


def test_choice_of_cell_and_supercell(model: CDVAE) -> None:
    z = torch.randn(1, model.settings.latent)
    crystal = random_crystals(1, 3)[0]
    vectors, strain = _denoise(model, crystal, z)
    sheared = supercell(crystal, np.array([[1, 0, 0], [1, 1, 0], [0, -1, 1]]))
    doubled = supercell(crystal, np.diag([1, 2, 1]))
    for other in (sheared, doubled):
        v, s = _denoise(model, other, z, like=crystal)
        torch.testing.assert_close(s, strain, atol=2e-5, rtol=1e-3)
        # each atom of the other cell has the vector of the atom it is an image of
        difference = other.positions[:, None] - crystal.positions[None]
        frac = difference @ np.linalg.inv(crystal.lattice)
        source = np.abs(frac - np.round(frac)).sum(-1).argmin(1)
        torch.testing.assert_close(v, vectors[source], atol=2e-4, rtol=1e-3)


def test_symmetry_forbids_forces(model: CDVAE) -> None:
    """Every site of rocksalt is an inversion centre: no vector; the strain is isotropic in a cubic crystal."""
    vectors, strain = _denoise(model, KNOWN["MgO"], torch.randn(1, model.settings.latent))
    assert vectors.abs().max() < 1e-4
    torch.testing.assert_close(strain[0], strain[0, 0, 0] * torch.eye(3), atol=1e-5, rtol=0)


def test_triplet_layer_equals_the_plain_sum() -> None:
    torch.manual_seed(0)
    s = DecoderSettings(hidden=8, spherical=4, emb_trip=5, emb_rbf=3, emb_cbf=2, bilinear=6)
    layer = Triplets(s)
    graph = build_graph(pack([KNOWN["ZnO"], KNOWN["NaCl"]]), 7.0, 12)
    n, k = graph.neighbour.shape
    m, rbf, cbf = torch.randn(n, k, 8), torch.randn(n, k, 3), torch.randn(n, k, 2, 4)
    fast = layer(m, rbf, cbf, spherical_harmonics(graph.unit, 3), graph)

    x = layer.down(layer.ba(m) * layer.rbf(rbf)) * graph.weight[..., None]
    plain = torch.zeros(n, k, 2, 5)
    for i in range(n):
        for a in range(k):
            for b in range(k):
                if a == b:
                    continue
                cosine = float(graph.unit[i, a] @ graph.unit[i, b])
                y = [math.sqrt((2 * l + 1) / (4 * math.pi)) * float(eval_legendre(l, cosine)) for l in range(4)]
                plain[i, a] += (cbf[i, a] @ torch.tensor(y, dtype=torch.float32))[:, None] * x[i, b]
    out = layer.bilinear(plain.flatten(2)) * layer.scale
    back = layer.up_ac(out).flatten(0, 1)[graph.reverse] * graph.paired[..., None]
    torch.testing.assert_close(fast, (layer.up_ca(out) + back) / math.sqrt(2), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_every_parameter(kind: str) -> None:
    torch.manual_seed(0)
    model = CDVAE(CDVAESettings(decoder=DecoderSettings(kind=kind)))
    batch = pack(random_crystals(4, 4))
    model.losses(batch, torch.Generator().manual_seed(0))["loss"].backward()
    missing = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not missing


def test_an_unknown_decoder_is_named() -> None:
    with pytest.raises(ValueError, match='kind: "gemnet" is not one of "gemnet-dT", "gemnet-dQ"'):
        DecoderSettings(kind="gemnet")


def test_the_published_decoder_has_the_published_layers() -> None:
    """config/paper.yaml against the public CD-VAE's GemNet-dT: 2.35 million parameters, of which those of what it says of atom types
    (four stacks of seven layers 128 x 128, and the scaling of two of their inputs) have no part here."""
    sizes = yaml.safe_load((ROOT / "config/paper.yaml").read_text(encoding="utf-8"))["cdvae"]
    settings = parse_settings(DecoderSettings, sizes["decoder"] | {"kind": "gemnet-dT"}, "cdvae.decoder")
    network = GemNet(settings, 7.0, settings.hidden + sizes["latent"])
    assert all(len(block.after) == 2 and len(block.atoms.layers) == 1 + 3 for block in network.blocks)
    assert all(len(head) == 2 + 3 for head in network.edge_layers)
    types = 4 * 7 * 128 * 128
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(2.35e6 - types, rel=0.03)
