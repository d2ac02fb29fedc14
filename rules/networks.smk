"""The networks that come with lcom: made of a run (`make networks`), taken in place of trained ones (datasets: [shipped]), and begun
from (training.begin)."""

import json

from lcom.data.shipped import check_run

SHIPPED = [name for name in CONFIG.datasets if CONFIG.data.sources[name].kind == "shipped"]
ASKED = [f"data.{name}" for name in SHIPPED] + [
    f"{name}.training.begin" for name in ("cdvae", "energy_model") if config[name]["training"]["begin"] == "shipped"
]
try:
    CARD = check_run(sorted(FURTHER | set(COMPOUNDS)), len(SEEDS) if SHIPPED else 0) if ASKED else {}
except ValueError as error:
    stop(f"{ASKED[0]}: {error}")
NETWORKS = ["cdvae/model", "surrogate/lcoms", "surrogate/sl", "energy_model/model"]


ruleorder: take_shipped > source > split > train_cdvae > encode > train_surrogate > train_energy_model


rule take_shipped:
    """What the rules source, split and encode and the trainings make of other data sets."""
    output:
        crystals="<results>/{dataset}/crystals.parquet",
        report="<results>/{dataset}/data_report.md",
        split="<results>/{dataset}/split.csv",
        train="<results>/{dataset}/train.safetensors",
        val="<results>/{dataset}/val.safetensors",
        latents="<results>/{dataset}/latents.safetensors",
        networks=expand("<results>/{{dataset}}/{network}.safetensors", network=NETWORKS),
    log:
        "<logs>/take_shipped/{dataset}.log",
    wildcard_constraints:
        dataset=any_of(SHIPPED),
    priority: 100
    conda:
        "../envs/ml.yaml"
    resources:
        **on_cpu(minutes=30, mb=4000),
    params:
        files=canonical(CARD.get("files", {})),
        folder=subpath(output.crystals, parent=True),
        code=code("take_shipped"),
    shell:
        stage(
            "take_shipped",
            "--crystals {output.crystals} --report {output.report} --split {output.split}",
            "--train {output.train} --val {output.val} --latents {output.latents} --networks {params.folder}",
        )


rule ship:
    """The networks of a run as they come with lcom; `make networks` copies the folder into the package."""
    input:
        crystals="<results>/{dataset}/crystals.parquet",
        split="<results>/{dataset}/split.csv",
        train="<results>/{dataset}/train.safetensors",
        val="<results>/{dataset}/val.safetensors",
        latents="<results>/{dataset}/latents.safetensors",
        networks=expand("<results>/{{dataset}}/{network}.safetensors", network=NETWORKS),
        metrics=expand(
            "<results>/{{dataset}}/{losses}.csv",
            losses=["cdvae/metrics", "surrogate/lcoms", "surrogate/sl", "energy_model/metrics"],
        ),
    output:
        card="<results>/{dataset}/shipped/card.json",
        page="<results>/{dataset}/shipped/README.md",
        compositions="<results>/{dataset}/shipped/trained_on.txt",
        crystals="<results>/{dataset}/shipped/crystals.parquet",
        latents="<results>/{dataset}/shipped/latents.safetensors",
        networks=expand("<results>/{{dataset}}/shipped/{network}.safetensors", network=NETWORKS),
    log:
        "<logs>/ship/{dataset}.log",
    conda:
        "../envs/ml.yaml"
    resources:
        **on_cpu(minutes=30, mb=4000),
    params:
        about=lambda w: canonical(
            {
                "sources": {name: config["data"][name] for name in [w.dataset, *CONFIG.data.sources[w.dataset].of]},
                "settings": {
                    **{name: json.loads(network(name)) for name in ("cdvae", "energy_model")},
                    "surrogate": config["surrogate"],
                    "data": {key: config["data"][key] for key in ("max_atoms", "val_fraction", "seed")},
                },
                "holdout": config["holdout"],
                "tables": [TABLE, *config["data"]["heldout_tables"]],
                "codes": {
                    name: code(name) for name in ("train_cdvae", "encode", "train_surrogate", "train_energy_model")
                },
            }
        ),
        run=subpath(input.crystals, parent=True),
        folder=subpath(output.card, parent=True),
        benchmarks=f"{R}/benchmarks",
        code=code("ship"),
    shell:
        stage(
            "ship",
            "--run {params.run} --about {params.about:q} --benchmarks {params.benchmarks} --out {params.folder}",
        )
