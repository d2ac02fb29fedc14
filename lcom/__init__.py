"""LCOMs: latent conservative objective models for crystal structure prediction (arXiv 2310.10056).

What a user of the package needs has its name here; everything else is imported from its room.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lcom.batch import Batch as Batch
    from lcom.batch import pack as pack
    from lcom.batch import unpack as unpack
    from lcom.candidates import Candidate as Candidate
    from lcom.candidates import read_candidate as read_candidate
    from lcom.candidates import read_candidates as read_candidates
    from lcom.cdvae.decoding import decode as decode
    from lcom.cdvae.model import CDVAE as CDVAE
    from lcom.compounds import Compound as Compound
    from lcom.compounds import load_compounds as load_compounds
    from lcom.crystal import Crystal as Crystal
    from lcom.data.packed import Dataset as Dataset
    from lcom.prediction.calculator import Calculator as Calculator
    from lcom.prediction.predict import predict as predict
    from lcom.surrogate.coms import Surrogate as Surrogate
    from lcom.surrogate.descent import optimise as optimise

__version__ = "0.1.0"

# Name -> its module, which is imported when the name is asked for: a stage imports what it needs and nothing else, and an edit here
# reruns no stage (rules/common.py).
__where__ = {
    "Batch": "lcom.batch",
    "CDVAE": "lcom.cdvae.model",
    "Calculator": "lcom.prediction.calculator",
    "Candidate": "lcom.candidates",
    "Compound": "lcom.compounds",
    "Crystal": "lcom.crystal",
    "Dataset": "lcom.data.packed",
    "Surrogate": "lcom.surrogate.coms",
    "decode": "lcom.cdvae.decoding",
    "load_compounds": "lcom.compounds",
    "optimise": "lcom.surrogate.descent",
    "pack": "lcom.batch",
    "predict": "lcom.prediction.predict",
    "read_candidate": "lcom.candidates",
    "read_candidates": "lcom.candidates",
    "unpack": "lcom.batch",
}


def __getattr__(name: str) -> Any:
    if name not in __where__:
        raise AttributeError(f"module 'lcom' has no attribute '{name}'")
    return getattr(import_module(__where__[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__where__])
