"""LCOMs: latent conservative objective models for crystal structure prediction (arXiv 2310.10056)."""

__version__ = "0.1.0"
