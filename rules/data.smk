"""Training data: a source becomes crystals, crystals become training and validation sets."""


rule source:
    input:
        lambda w: config["data"][w.dataset]["file"],
    output:
        f"{R}/{{dataset}}/crystals.parquet",
    log:
        f"{R}/logs/source/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/source/{{dataset}}.tsv"
    priority: 100
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        config=lambda w: canonical({w.dataset: config["data"][w.dataset]}),
        code=code("source"),
    shell:
        "python -m lcom.stages.source --dataset {wildcards.dataset} --config {params.config:q} --out {output} > {log} 2>&1"


rule split:
    input:
        crystals=f"{R}/{{dataset}}/crystals.parquet",
        compounds=ancient(TABLE),
    output:
        train=f"{R}/{{dataset}}/train.safetensors",
        val=f"{R}/{{dataset}}/val.safetensors",
        report=f"{R}/{{dataset}}/split.csv",
    log:
        f"{R}/logs/split/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/split/{{dataset}}.tsv"
    priority: 100
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        config=canonical(
            {key: config["data"][key] for key in ("val_fraction", "seed")} | {"holdout": config["holdout"]}
        ),
        heldout=canonical(sorted(ROWS) if config["holdout"] == "formula" else ROWS),
        code=code("split"),
    shell:
        "python -m lcom.stages.split --crystals {input.crystals} --compounds {input.compounds:q} "
        "--config {params.config:q} --train {output.train} --val {output.val} --report {output.report} > {log} 2>&1"


rule regenerate_prototypes:
    """Makes the embedded data set anew, in hours. Nothing asks for it but its own name."""
    output:
        f"{R}/prototypes_regenerated/prototypes.jsonl.gz",
    log:
        f"{R}/logs/regenerate_prototypes.log",
    benchmark:
        f"{R}/benchmarks/regenerate_prototypes.tsv"
    conda:
        "../envs/data.yaml"
    threads: workflow.cores or 1
    resources:
        mem_mb=lambda w, threads: 1500 * threads,
        runtime=600,
    params:
        code=code("prototypes"),
        folder=subpath(output[0], parent=True),
    shell:
        "OMP_NUM_THREADS=1 python -m lcom.stages.prototypes --out {params.folder} --processes {threads} > {log} 2>&1"
