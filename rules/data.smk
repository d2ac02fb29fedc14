"""Training data: a source becomes crystals, crystals become training and validation sets."""

CLEAN = ("max_atoms", "max_rejected")


localrules:
    download,  # compute nodes often have no way out


rule download:
    """A data set from the net, resumed where it was cut off. The marker says that it is whole."""
    output:
        "data/raw/{dataset}/complete.json",
    log:
        f"{R}/logs/download/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/download/{{dataset}}.tsv"
    priority: 100
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=1440,
    params:
        config=lambda w: canonical(config["data"][w.dataset]),
        path=lambda w: source_file(w.dataset),
        code=code("download"),
    shell:
        "python -m lcom.stages.download --dataset {wildcards.dataset} --config {params.config:q} "
        "--path {params.path} --out {output} > {log} 2>&1"


rule source:
    input:
        lambda w: (
            source_file(w.dataset) if config["data"][w.dataset].get("file") else "data/raw/{dataset}/complete.json"
        ),
    output:
        crystals=f"{R}/{{dataset}}/crystals.parquet",
        rejected=f"{R}/{{dataset}}/rejected.csv",
        report=f"{R}/{{dataset}}/data_report.md",
        plot=f"{R}/{{dataset}}/data_report.png",
    log:
        f"{R}/logs/source/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/source/{{dataset}}.tsv"
    priority: 100
    conda:
        "../envs/data.yaml"
    # the embedded set takes seconds: it must not wait until all cores are free
    threads: lambda w: 1 if config["data"][w.dataset]["kind"] == "embedded" else min(8, CORES)
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        file=lambda w: source_file(w.dataset),
        files=lambda w: folder_digest(config["data"][w.dataset].get("file", "")),
        config=lambda w: canonical(
            {"source": config["data"][w.dataset], "clean": {key: config["data"][key] for key in CLEAN}}
        ),
        code=code("source"),
    shell:
        "python -m lcom.stages.source --dataset {wildcards.dataset} --config {params.config:q} --input {params.file:q} "
        "--out {output.crystals} --rejected {output.rejected} --report {output.report} --plot {output.plot} "
        "--workers {threads} > {log} 2>&1"


rule split:
    input:
        crystals=f"{R}/{{dataset}}/crystals.parquet",
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
        mem_mb=4000,
        runtime=30,
    params:
        config=canonical(
            {key: config["data"][key] for key in ("val_fraction", "seed")} | {"holdout": config["holdout"]}
        ),
        table=table_file,
        heldout=canonical(sorted(ROWS) if config["holdout"] == "formula" else ROWS),
        code=code("split"),
    shell:
        "python -m lcom.stages.split --crystals {input.crystals} --compounds {params.table:q} "
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
    threads: CORES
    resources:
        mem_mb=lambda w, threads: 1500 * threads,
        runtime=600,
    params:
        code=code("prototypes"),
        folder=subpath(output[0], parent=True),
    shell:
        "OMP_NUM_THREADS=1 python -m lcom.stages.prototypes --out {params.folder} --parts parts-{params.code} "
        "--processes {threads} > {log} 2>&1"
