"""Periodic graphs of fixed width: every atom has K neighbour slots, so that networks need no scatter.

A batch holds N atoms of B crystals, packed. The graph is dense, [N, K]: slot k of atom i is an edge *into* i from the
image of atom ``neighbour[i, k]`` that lies at ``vector[i, k]`` from i. All images that the cutoff can reach are seen,
however small or skewed the cell, and two slots that hold the same atom in different images are different edges.

A sharp cut after K neighbours would split a shell of equal distances at random. Here an edge's weight falls smoothly to
zero at r_i = min(cutoff, distance of neighbour K + 1): a shell that does not fit is dropped as a whole, and every
network output is continuous in the positions and independent of how ties are ordered. Where neighbour K + 1 is one of a
shell of equal distances r_i has a kink: its gradient there is the mean over the shell, the one of Clarke's generalised
gradient that keeps the crystal's symmetry, so that no force or stress breaks it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from lcom.batch import Batch

MAX_REACH, MAX_CELLS = 45, 40_000  # cells to each side and in all; a flatter cell is no crystal
LARGEST_SHELL = 48  # equal distances that symmetry asks for, at most: the operations of a cubic crystal
SAME_DISTANCE = 1e-3  # Å, within a shell: what coordinates of four digits leave of a symmetry


@dataclass(frozen=True)
class Graph:
    """The edges of a batch, K a atom.

    neighbour [N, K] int64 · vector [N, K, 3] Å, from the atom to its neighbour · distance [N, K] Å ·
    weight [N, K] in [0, 1], 0 for an empty slot · reverse [N, K] int64: the flat slot j * K + k of the same bond in the
    list of neighbour j · paired [N, K]: the weight of that reverse edge, 0 where j does not list it
    """

    neighbour: Tensor
    vector: Tensor
    distance: Tensor
    weight: Tensor
    reverse: Tensor
    paired: Tensor

    @property
    def unit(self) -> Tensor:
        """[N, K, 3] unit vectors."""
        return self.vector / self.distance[..., None]


def scatter_sum(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Sum of values [N, ...] over the crystals index [N] -> [size, ...]."""
    return values.new_zeros(size, *values.shape[1:]).index_add_(0, index, values)


def scatter_mean(values: Tensor, batch: Batch) -> Tensor:
    """Mean over the atoms of each crystal, [N, ...] -> [B, ...]."""
    count = batch.n_atoms.to(values.dtype).view(-1, *[1] * (values.dim() - 1))
    return scatter_sum(values, batch.crystal, len(batch.n_atoms)) / count


def composition_features(batch: Batch, elements: Tensor) -> Tensor:
    """Mean and standard deviation over the atoms of the features of their elements, [B, 2 · features]; elements [Z, features]."""
    features = elements[batch.numbers]
    mean = scatter_mean(features, batch)
    variance = scatter_mean((features - mean[batch.crystal]).square(), batch)
    return torch.cat([mean, variance.clamp(min=1e-12).sqrt()], -1)


def gather(values: Tensor, index: Tensor) -> Tensor:
    """values [M, ...] at index [...] -> [*index, ...]; its gradient is summed in a fixed order, unlike that of values[index]."""
    return values.index_select(0, index.reshape(-1)).view(*index.shape, *values.shape[1:])


def move(batch: Batch, shift: Tensor) -> Batch:
    """Atoms moved by Cartesian vectors, [N, 3] Å, and wrapped back into the cell."""
    inverse = torch.linalg.inv(batch.lattice)
    frac = batch.frac_coords + torch.einsum("na,nab->nb", shift, inverse[batch.crystal])
    return batch.replace(frac_coords=frac - frac.floor())


def minimum_image(frac: Tensor) -> Tensor:
    """Fractional differences wrapped into [-0.5, 0.5]: in a skewed cell not always the shortest, see ``shortest_way``."""
    return frac - torch.round(frac)


def shortest_way(frac: Tensor, lattice: Tensor) -> Tensor:
    """The shortest periodic image of fractional differences, Cartesian: [B, ..., 3], [B, 3, 3] -> [B, ..., 3] Å.

    The nearest lattice points of a place in a Niggli cell are the corners of the unit cell that it lies in: eight candidates.
    """
    wrapped = minimum_image(frac)
    toward = -torch.where(wrapped < 0, -1.0, 1.0)
    best = torch.einsum("b...c,bcd->b...d", wrapped, lattice)
    square = best.square().sum(-1, keepdim=True)
    for corner in itertools.product((0.0, 1.0), repeat=3):
        if any(corner):
            way = torch.einsum("b...c,bcd->b...d", wrapped + toward * toward.new_tensor(corner), lattice)
            length = way.square().sum(-1, keepdim=True)
            best, square = torch.where(length < square, way, best), torch.minimum(length, square)
    return best


def heights(lattice: Tensor) -> Tensor:
    """Distances between the opposite faces of cells, [B, 3, 3] -> [B, 3] Å."""
    areas = torch.linalg.cross(lattice.roll(-1, 1), lattice.roll(-2, 1), dim=-1).norm(dim=-1)
    return torch.linalg.det(lattice).abs()[:, None] / areas


def image_reach(lattice: Tensor, cutoff: float) -> Tensor:
    """How many cells to each side of a vector's own can hold an atom within the cutoff, [B, 3, 3] -> [B, 3]."""
    return torch.floor(cutoff / heights(lattice) + 0.5)


def searchable(lattice: Tensor, cutoff: float) -> Tensor:
    """Whether a cell is thick enough for its images to be searched, [B, 3, 3] -> [B] bool."""
    reach = image_reach(lattice, cutoff)
    return (reach <= MAX_REACH).all(-1) & ((2 * reach + 1).prod(-1) <= MAX_CELLS)


def image_offsets(lattice: Tensor, cutoff: float) -> Tensor:
    """The lattice translations that can bring two atoms within the cutoff.

    For fractional differences wrapped into [-0.5, 0.5] that is every t with |t_k| <= cutoff / h_k + 1/2 (h_k the heights of
    the cell) and |t L| <= cutoff + the longest half diagonal.

    Returns [B, M, 3] (as floats), sorted by length, so that the first is zero; rows beyond a crystal's own count are inf.
    Raises ValueError if a cell is not ``searchable``.
    """
    device = lattice.device
    if not bool(searchable(lattice, cutoff).all()):
        raise ValueError(
            f"a cell of the batch is too flat for a cutoff of {cutoff} Å: {float(heights(lattice).min()):.3g} Å between its faces"
        )
    reach = image_reach(lattice, cutoff).amax(0)
    grid = torch.cartesian_prod(*(torch.arange(-int(r), int(r) + 1, device=device) for r in reach)).to(lattice.dtype)
    corners = torch.tensor([[0.5, a, b] for a in (-0.5, 0.5) for b in (-0.5, 0.5)], device=device, dtype=lattice.dtype)
    half_diagonal = (corners @ lattice).norm(dim=-1).amax(-1)  # [B]
    length = (grid @ lattice).norm(dim=-1)  # [B, G]
    length = length.masked_fill(length > (cutoff + half_diagonal)[:, None], torch.inf)
    count = int(torch.isfinite(length).sum(1).max())
    length, order = length.topk(count, dim=1, largest=False)
    return grid[order].masked_fill(torch.isinf(length)[..., None], torch.inf)


def build_graph(batch: Batch, cutoff: float, k: int, offsets: Tensor | None = None) -> Graph:
    """The K nearest periodic neighbours of every atom within the cutoff (Å).

    offsets: the result of ``image_offsets`` for these lattices, to be given when only the positions change.
    """
    if offsets is None:
        offsets = image_offsets(batch.lattice, cutoff)
    crystal, n_max, device = batch.crystal, int(batch.n_atoms.max()), batch.lattice.device
    b, m = offsets.shape[:2]
    start = torch.cumsum(batch.n_atoms, 0) - batch.n_atoms  # [B] first atom of each crystal
    slot = torch.arange(len(crystal), device=device) - start[crystal]  # [N] place within the crystal

    padded = batch.frac_coords.new_zeros(b, n_max, 3)
    padded[crystal, slot] = batch.frac_coords
    difference = minimum_image(padded[crystal] - batch.frac_coords[:, None])  # [N, n_max, 3]
    exists = torch.arange(n_max, device=device) < batch.n_atoms[crystal, None]  # [N, n_max]

    # |d L + R|² = |d L|² + 2 d L · R + |R|²: one batched product instead of a [N, n_max, M, 3] tensor
    cartesian = torch.einsum("nia,nab->nib", difference, batch.lattice[crystal])
    images = torch.einsum("bma,bac->bmc", offsets.nan_to_num(posinf=0.0), batch.lattice)  # [B, M, 3]
    image_sq = images.square().sum(-1).masked_fill(torch.isinf(offsets[..., 0]), torch.inf)
    square = torch.baddbmm(
        (cartesian.square().sum(-1, keepdim=True) + image_sq[crystal, None]), cartesian, images[crystal].mT, alpha=2
    )  # [N, n_max, M]
    square = square.masked_fill(~exists[..., None], torch.inf)
    atoms = torch.arange(len(crystal), device=device)
    square[atoms, slot, 0] = torch.inf  # the atom itself, in its own cell
    square = square.flatten(1)
    wanted = k + 1 + (LARGEST_SHELL if square.requires_grad else 0)  # beyond K + 1 only for the gradient of r_i
    width = min(wanted, square.shape[1])
    chosen = square.topk(width, dim=1, largest=False).indices
    if width < k + 1:  # fewer images than slots: pad with the atom itself in its own cell, whose distance is infinite
        chosen = torch.cat([chosen, (slot * m)[:, None].expand(-1, k + 1 - width)], 1)

    j, t = chosen // m, chosen % m  # [N, K + 1 or more] atom within the crystal, image
    vector = cartesian.gather(1, j[..., None].expand(-1, -1, 3)) + images[crystal].gather(
        1, t[..., None].expand(-1, -1, 3)
    )
    masked = torch.isinf(square.gather(1, chosen))
    # before the norm, whose second derivative at zero is none
    vector = torch.where(masked[..., None], vector.new_tensor([2 * cutoff, 0.0, 0.0]), vector)
    distance = vector.norm(dim=-1).clamp(min=1e-3)  # exact, not from the expansion
    reach = distance[:, k : k + 1]  # [N, 1]
    if reach.requires_grad:
        shell = (distance.detach() - reach.detach()).abs() < SAME_DISTANCE
        mean = torch.where(shell, distance, 0.0).sum(1, keepdim=True) / shell.sum(1, keepdim=True)
        reach = reach.detach() + (mean - mean.detach())
    reach = reach.clamp(max=cutoff)
    # a slot without a neighbour holds the atom itself: j may be a place that this crystal, smaller than others, has not
    neighbour = torch.where(masked, atoms[:, None], start[crystal, None] + j)[:, :k].contiguous()
    distance, vector = distance[:, :k].contiguous(), vector[:, :k].contiguous()
    weight = envelope(distance / reach)
    reverse, found = _reverse(neighbour, vector)
    return Graph(neighbour, vector, distance, weight, reverse, weight.view(-1)[reverse] * found)


def bond_graph(batch: Batch, cutoff: float) -> Graph:
    """The graph of bonds that were found beforehand, each of weight 1; a ValueError if none were."""
    if batch.bonds is None:
        raise ValueError("the bonds of these crystals are not known: lcom.data.crystalnn finds them")
    crystal, j = batch.crystal, batch.bonds[..., 0].long()
    n = torch.arange(len(crystal), device=j.device)
    start = (torch.cumsum(batch.n_atoms, 0) - batch.n_atoms)[crystal]
    absent = j < 0
    neighbour = torch.where(absent, n[:, None], start[:, None] + j)
    wrapped = (
        batch.frac_coords - batch.frac_coords.floor()
    )  # 1.0, as float32 rounds 1 - 1e-9, is 0 to those who count images
    frac = gather(wrapped, neighbour) + batch.bonds[..., 1:] - wrapped[:, None]
    vector = torch.einsum("nka,nab->nkb", frac, batch.lattice[crystal])
    vector = torch.where(absent[..., None], vector.new_tensor([2 * cutoff, 0.0, 0.0]), vector)
    weight = (~absent).to(vector.dtype)
    reverse, found = _reverse(neighbour, vector)
    return Graph(neighbour, vector, vector.norm(dim=-1), weight, reverse, weight.view(-1)[reverse] * found)


def _reverse(neighbour: Tensor, vector: Tensor) -> tuple[Tensor, Tensor]:
    """For edge (i, k), from atom j at v: the slot of j that holds atom i at -v, and whether there is one, [N, K] each."""
    n, k = neighbour.shape
    back = gather(vector, neighbour) + vector[:, :, None]  # [N, K, K, 3]: zero for the reverse edge
    other = gather(neighbour, neighbour) != torch.arange(n, device=neighbour.device)[:, None, None]
    error, slot = (back.square().sum(-1) + 1e3 * other).min(-1)
    return neighbour * k + slot, (error < 1e-4).to(vector.dtype)


def envelope(x: Tensor) -> Tensor:
    """Polynomial cutoff of DimeNet (Gasteiger et al. 2020, eq. 8, p = 6) times x: 1 at 0, and 0 with two derivatives at 1."""
    p = 6  # the "envelope exponent 5" of the public codes
    value = 1 - (p + 1) * (p + 2) / 2 * x**p + p * (p + 2) * x ** (p + 1) - p * (p + 1) / 2 * x ** (p + 2)
    return value.masked_fill(x >= 1, 0.0)
