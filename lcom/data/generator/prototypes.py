"""Chemistry x prototypes: which compositions the embedded data set holds, and the crystals its relaxations start from.

The prototypes are structures of the AFLOW encyclopedia (Mehl et al., Computational Materials Science 136, S1, 2017) as
pymatgen bundles them. Some AFLOW ids name several prototypes, so a key here is `id|formula`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from lcom.crystal import Crystal, reduced_counts
from lcom.data.generator.potential import neighbour_list

if TYPE_CHECKING:
    from pymatgen.core import Structure

MAX_ATOMS = 12
MIN_START_VOLUME = 5.0  # Å³/atom, between graphite-like and diamond-like carbon

_AX_GRIDS = (  # charge-balanced pairs: every cation with every anion
    ("Li Na K Rb Cs", "F Cl Br I"),
    ("Cu Ag Tl", "F Cl Br I"),
    ("Be Mg Ca Sr Ba Zn Cd", "O S Se Te"),
    ("Ge Sn Pb", "O S Se Te"),
    ("B Al Ga In", "N P As Sb Bi"),
    ("Sc Y La", "N P As Sb Bi"),
    ("Mn", "S Se Te"),
    ("Co", "O S Se"),
    ("Ni", "S Se"),
)
_AX_SINGLE = "FeS TiS VS CrS CuO ZrN VN ZrC VC SiC GeC SiGe SiSn GeSn"
_AX2 = (
    "BeF2 MgF2 CaF2 SrF2 BaF2 ZnF2 CdF2 SnF2 PbF2 CrF2 CoF2 CuF2 AgF2 "
    "MgCl2 CaCl2 SrCl2 BaCl2 ZnCl2 CdCl2 CdI2 SiO2 SnO2 TiO2 SnS2 Li2O Na2O K2O Cu2O Li2S Na2S Mg2Si Be2C"
)

# label: key, the Strukturbericht symbol where there is one
_PROTOTYPES = {
    "A": (
        "A1:A_cF4_225_a|Cu A2:A_cI2_229_a|W A3:A_hP2_194_c|Mg A3p:A_hP4_194_ac|La A4:A_cF8_227_a|C "
        "A5:A_tI4_141_a|Sn A6:A_tI2_139_a|In A7:A_hR2_166_c|As A8:A_hP3_152_a|Se A9:A_hP4_194_bc|C "
        "A10:A_hR1_166_a|Hg A11:A_oC8_64_f|Ga A14:A_oC8_64_f|I A17:A_oC8_64_f|P A19:A_mC12_5_3c|Po "
        "A20:A_oC4_63_c|U Aa:A_tI2_139_a|Pa Ad:A_tP4_129_ac|Np Af:A_hP1_191_a|Sn Ah:A_cP1_221_a|Po "
        "Ai:A_hR1_166_a|Po C19:A_hR3_166_ac|Sm aB:A_hR12_166_2h|B aO:A_mC4_12_i|O2 bO:A_hR2_166_c|O2 "
        "aN:A_cP8_205_c|N2 eN:A_cP8_198_2a|N2 gN:A_tP4_136_f|N2 hpTe:A_mP4_4_2a|Te hpCf:A_aP4_2_aci|Cf "
        "hpLi:A_cI16_220_c|Li gPu:A_oF8_70_a|Pu BC8:A_cI16_206_c|Si BCT5:A_tI4_139_e|Si bctC:A_tI8_139_h|C "
        "hex6C:A_hP6_194_h|C 2Hdia:A_hP4_194_f|C rhG:A_hR2_166_c|C bucG:A_hP4_186_ab|C"
    ),
    "AX": (
        "B1:AB_cF8_225_a_b|NaCl B2:AB_cP2_221_b_a|CsCl B3:AB_cF8_216_c_a|ZnS B4:AB_hP4_186_b_b|ZnS "
        "B81:AB_hP4_194_c_a|NiAs B9:AB_hP6_154_a_b|HgS B10:AB_tP4_129_a_c|PbO B11:AB_tP4_129_c_c|TiCu "
        "B12:AB_hP4_186_b_a|BN B13:AB_hR6_160_b_b|NiS B16:AB_oP8_62_c_c|GeS B17:AB_tP4_131_c_e|PtS "
        "B19:AB_oP4_51_e_f|CdAu B20:AB_cP8_198_a_a|FeSi B24:AB_oF8_69_a_b|TlF B26:AB_mC8_15_c_e|CuO "
        "B27:AB_oP8_62_c_c|FeB B29:AB_oP8_62_c_c|SnS B31:AB_oP8_62_c_c|MnP B32:AB_cF16_227_a_b|NaTl "
        "B33:AB_oC8_63_c_c|CrB B35:AB_hP6_191_f_ad|CoSn B37:AB_tI16_140_ab_h|TlSe Ba:AB_cI16_199_a_a|UCo "
        "Bg:AB_tI16_141_e_e|BMo Bh:AB_hP2_187_d_a|WC Bi:AB_hP8_194_ad_f|TiAs Bk:AB_hP4_194_c_d|BN "
        "B5:AB_hP8_186_ab_ab|SiC 9R:AB_hR6_160_3a_3a|SiC L10:AB_tP2_123_a_d|CuAu L11:AB_hR2_166_a_b|CuPt "
        "NbP:AB_tI8_141_a_b|NbP NbO:AB_cP6_221_c_d|NbO bBeO:AB_tP8_136_g_f|BeO GaAsII:AB_oI4_44_a_b|GaAs "
        "CdTeII:AB_oP2_25_b_a|CdTe TiNi:AB_mP4_11_e_e|TiNi TlFII:AB_oP8_57_d_d|TlF CoAs:AB_oP8_33_a_a|CoAs "
        "CuTe:AB_oP4_59_a_b|CuTe aIrV:AB_oC8_65_j_g|VIr B81anti:AB_hP4_194_c_a|NiAs|swapped "
        "B10anti:AB_tP4_129_a_c|PbO|swapped B27anti:AB_oP8_62_c_c|FeB|swapped"
    ),
    "AX2": (
        "C1:AB2_cF12_225_a_c|CaF2 C2:AB2_cP12_205_a_c|FeS2 C3:A2B_cP6_224_b_a|Cu2O C4:A2B_tP6_136_f_a|TiO2 "
        "C5:A2B_tI12_141_e_a|TiO2 C6:AB2_hP3_164_a_d|CdI2 C7:AB2_hP6_194_c_f|MoS2 C9:A2B_cF24_227_c_a|SiO2 "
        "C11b:AB2_tI6_139_a_e|Si2Mo C15:A2B_cF24_227_d_a|MgCu2 C16:A2B_tI12_140_h_a|Al2Cu "
        "C18:AB2_oP6_58_a_g|FeS2 C22:A2B_hP9_189_fg_bc|Fe2P C23:A2B_oP12_62_2c_c|PbCl2 "
        "C24:A2B_oC12_36_2a_a|HgBr2 C32:AB2_hP3_191_a_d|AlB2 C34:AB2_mC6_12_a_i|Te2Au "
        "C35:AB2_oP6_58_a_g|CaCl2 C38:A2B_tP6_129_ac_c|Cu2Sb C42:A2B_oI12_72_j_a|SiS2 "
        "C43:A2B_mP12_14_2e_e|ZrO2 C49:A2B_oC12_63_2c_c|ZrSi2 C54:A2B_oF24_70_e_a|TiSi2 "
        "B82:AB2_hP6_194_c_ad|InNi2 Lp2:A2B_tI6_139_d_a|ThH2 CaIn2:AB2_hP6_194_b_f|CaIn2 "
        "MoPt2:AB2_oI6_71_a_g|MoPt2 ReSi2:AB2_oI6_71_a_i|ReSi2 PI2:A2B_aP6_2_2i_i|PI2 "
        "Fe2C:AB2_oP6_58_a_g|Fe2C aQuartz:A2B_hP9_152_c_a|SiO2 aCrist:A2B_tP12_92_b_a|SiO2"
    ),
}


@dataclass(frozen=True, slots=True)
class Prototype:
    """A structure type: short label, AFLOW key, and whether the two species change places."""

    label: str
    key: str
    swapped: bool = False


def compositions() -> list[str]:
    """Formulas of the set, elements first (formation energies need them), as pymatgen reduces them."""
    from pymatgen.core import Composition, Element

    pairs = [cation + anion for cations, anions in _AX_GRIDS for cation in cations.split() for anion in anions.split()]
    compounds = list(dict.fromkeys(Composition(f).reduced_formula for f in (pairs + _AX_SINGLE.split() + _AX2.split())))
    elements = sorted({e for formula in compounds for e in Composition(formula).elements}, key=lambda e: Element(e).Z)
    return [Composition(e.symbol).reduced_formula for e in elements] + compounds


def kind(formula: str) -> str:
    """A, AX or AX2: the table of prototypes for a formula. ValueError for any other stoichiometry."""
    from pymatgen.core import Composition

    counts = sorted(n for _, n in reduced_counts(_numbers(Composition(formula))))
    try:
        return {(1,): "A", (1, 1): "AX", (1, 2): "AX2"}[tuple(counts)]
    except KeyError:
        raise ValueError(f"{formula}: only elements, AX, AX2 and A2X have prototypes here") from None


def prototypes(formula: str) -> list[Prototype]:
    """The prototypes that a composition is tried in."""
    entries = (entry.split(":", 1) for entry in _PROTOTYPES[kind(formula)].split())
    return [Prototype(label, key.removesuffix("|swapped"), key.endswith("|swapped")) for label, key in entries]


def start(formula: str, prototype: Prototype) -> Crystal:
    """The prototype with this composition's atoms, scaled until the tightest pair touches (sum of covalent radii).

    Light non-metals touch at a bond's length, far too dense for close packing: none starts below `MIN_START_VOLUME`.
    Species change places by order of electronegativity in AX, by their numbers in AX2.
    """
    from ase.data import covalent_radii  # Cordero et al. 2008: every element, P, As and Sb included
    from pymatgen.core import Composition, Element

    template = _template(prototype.key)
    wanted = dict(reduced_counts(_numbers(Composition(formula))))
    present = dict(reduced_counts(template.numbers))
    if kind(formula) == "AX2":
        roles = [sorted(counts, key=counts.get) for counts in (present, wanted)]
    else:
        roles = [sorted(counts, key=lambda z: Element.from_Z(z).X) for counts in (present, wanted)]
    if prototype.swapped:
        roles[0].reverse()
    mapping = dict(zip(*roles, strict=True))
    numbers = np.array([mapping[z] for z in template.numbers.tolist()])
    pairs, displacements, _ = neighbour_list(template, 6.0)
    touching = covalent_radii[numbers[pairs]].sum(1)
    scale = (np.linalg.norm(displacements, axis=1) / touching).min()
    scale = min(scale, (template.volume / len(template) / MIN_START_VOLUME) ** (1 / 3))
    return Crystal(numbers, template.frac_coords, template.lattice / scale)


@cache
def _template(key: str) -> Crystal:
    """A prototype's own crystal in its primitive cell, by `id|formula`."""
    return Crystal.from_structure(_library()[key].get_primitive_structure())


@cache
def _library() -> dict[str, Structure]:
    """All prototypes that pymatgen bundles, by `id|formula`."""
    from pymatgen.analysis.prototypes import AFLOW_PROTOTYPE_LIBRARY

    structures = ((entry["tags"]["aflow"], entry["snl"].structure) for entry in AFLOW_PROTOTYPE_LIBRARY)
    return {f"{aflow}|{structure.composition.reduced_formula}": structure for aflow, structure in structures}


def _numbers(composition) -> np.ndarray:
    """Atomic numbers of one reduced formula unit; the diatomic O2, N2 … count as one kind of atom."""
    counts = {element.Z: int(n) for element, n in composition.items()}
    factor = math.gcd(*counts.values())
    return np.array([z for z, n in counts.items() for _ in range(n // factor)])
