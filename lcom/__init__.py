"""LCOMs: latent conservative objective models for crystal structure prediction (arXiv 2310.10056)."""

__version__ = "0.1.0"


def __getattr__(name: str):
    """`from lcom import predict`, without its imports for those who don't."""
    if name == "predict":
        from lcom.prediction.predict import predict

        return predict
    raise AttributeError(f"module 'lcom' has no attribute '{name}'")
