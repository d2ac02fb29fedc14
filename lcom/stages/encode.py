"""A trained CD-VAE and packed crystals -> their latents (encoder means), compositions and energies."""

from __future__ import annotations

import torch

from lcom.base.device import prepare_device
from lcom.base.tensors import save_tensors
from lcom.cdvae.model import CDVAE
from lcom.data.crystalnn import with_bonds
from lcom.data.packed import Dataset, Loader
from lcom.stages.common import options, run
from lcom.surrogate.targets import excess


def main() -> None:
    parser = options(__doc__, "model", "train", "val", "out", "bonds")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    device = prepare_device(args.device)
    model = CDVAE.load(args.model, device)
    tensors, ids, sets = {}, {}, []
    for part in ("train", "val"):
        data = Dataset.load(getattr(args, part))
        if model.settings.encoder.graph == "crystalnn":
            data = with_bonds(data, args.bonds, args.workers)
        order = torch.argsort(data.batch.n_atoms, stable=True)  # the order in which the loader goes
        latents, compositions = [], []
        with torch.no_grad():
            for batch in Loader(data.batch, 256, 0, shuffle=False):
                batch = batch.to(device)
                latents.append(model.encode(batch)[0].cpu())
                compositions.append(model.composition(batch).cpu())
        back = torch.argsort(order)
        tensors[f"{part}_z"], tensors[f"{part}_c"] = torch.cat(latents)[back], torch.cat(compositions)[back]
        tensors[f"{part}_formation_energy"] = data.formation_energy
        tensors[f"{part}_energy_above"] = data.energy_above
        ids[part] = data.ids
        sets.append(data)
    tensors["train_excess"], tensors["val_excess"] = excess(*sets, tensors["train_c"], tensors["val_c"])
    save_tensors(args.out, tensors, {"ids": ids})


if __name__ == "__main__":
    run(main)
