"""The data sets that the config knows from the start: name -> what it is, and where it comes from."""

from __future__ import annotations

from lcom.data.sources.settings import SourceSettings

CATALOGUE = {
    "prototypes": (
        "the embedded data set",
        SourceSettings(
            kind="embedded",
            file="data/prototypes.jsonl.gz",
            sha256="f38016bed76df140e6fa9942d093cd923d0004f7a0a567a1f2b1ff8661523e12",
        ),
    ),
    "embedded": (
        "embedded set 2: more compositions and proportions, and crystals off the minima (data/README.md)",
        SourceSettings(
            kind="embedded",
            file="data/embedded",
            sha256="71b9db33bbb93846e686efe773170fc4b81e2bb8783987320cd902d52222c810",
        ),
    ),
    "matbench": (
        "132 752 crystals of the Materials Project (matbench_mp_e_form)",
        SourceSettings(
            kind="matbench",
            url="https://ml.materialsproject.org/projects/matbench_mp_e_form.json.gz",
            sha256="dedcb1d4ba2e3e50dbdd45ba5bc647a00e9c2bcf8f8bf556dc8e92caa39eb21f",
        ),
    ),
    "oqmd": (
        "the Open Quantum Materials Database, page by page",
        SourceSettings(kind="oqmd_optimade", url="https://oqmd.org/optimade/v1", filter="nelements<=2 AND nsites<=8"),
    ),
    "oqmd_all": (
        "817 636 crystals of it in one file (2021)",
        SourceSettings(kind="oqmd_jarvis", url="https://ndownloader.figshare.com/files/26790182"),
    ),
    "shipped": (
        "the networks that come with lcom in place of trained ones, and their crystals (docs/networks.md)",
        SourceSettings(kind="shipped"),
    ),
}
