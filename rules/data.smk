"""Training data: a source becomes crystals, crystals become training and validation sets."""

CLEAN = ("max_atoms", "max_rejected")


localrules:
    download,  # compute nodes often have no way out


rule download:
    """A data set from the net, resumed where it was cut off. The marker says that it is whole."""
    output:
        "data/raw/{dataset}/complete.json",
    log:
        "<logs>/download/{dataset}.log",
    wildcard_constraints:
        dataset=any_of(CONFIG.data.sources),
    priority: 100
    conda:
        "../envs/data.yaml"
    resources:
        **on_cpu(minutes=1440),
    params:
        config=lambda w: canonical(config["data"][w.dataset]),
        path=lambda w: source_file(w.dataset),
        code=code("download"),
    shell:
        stage(
            "download",
            "--dataset {wildcards.dataset} --config {params.config:q}",
            "--path {params.path} --out {output}",
        )


rule source:
    input:
        lambda w: ("data/raw/{dataset}/complete.json" if downloaded(w.dataset) else source_file(w.dataset)),
    output:
        crystals="<results>/{dataset}/crystals.parquet",
        rejected="<results>/{dataset}/rejected.csv",
        report="<results>/{dataset}/data_report.md",
        plot=report(
            "<results>/{dataset}/data_report.png",
            caption="../lcom/report/captions/data_report.rst",
            category="Data",
            labels={"data set": "{dataset}"},
        ),
    log:
        "<logs>/source/{dataset}.log",
    priority: 100
    conda:
        "../envs/data.yaml"
    # the embedded set takes seconds: it must not wait until all cores are free
    threads: lambda w: 1 if config["data"][w.dataset]["kind"] == "embedded" else min(8, CORES)
    resources:
        **on_cpu(minutes=240, mb=4000),
    params:
        file=lambda w: source_file(w.dataset),
        files=lambda w: folder_digest(config["data"][w.dataset].get("file", "")),
        config=lambda w: canonical(
            {"source": config["data"][w.dataset], "clean": {key: config["data"][key] for key in CLEAN}}
        ),
        code=code("source"),
    shell:
        stage(
            "source",
            "--dataset {wildcards.dataset} --config {params.config:q} --input {params.file:q}",
            "--out {output.crystals} --rejected {output.rejected} --report {output.report} --plot {output.plot}",
            "--workers {threads}",
        )


rule split:
    input:
        crystals="<results>/{dataset}/crystals.parquet",
    output:
        train="<results>/{dataset}/train.safetensors",
        val="<results>/{dataset}/val.safetensors",
        report="<results>/{dataset}/split.csv",
    log:
        "<logs>/split/{dataset}.log",
    priority: 100
    conda:
        "../envs/data.yaml"
    resources:
        **on_cpu(minutes=30, mb=4000),
    params:
        config=canonical(
            {key: config["data"][key] for key in ("val_fraction", "seed")} | {"holdout": config["holdout"]}
        ),
        table=table_file,
        tables=heldout_tables,
        heldout=canonical(HELDOUT),
        code=code("split"),
    shell:
        stage(
            "split",
            "--crystals {input.crystals} --compounds {params.table:q} --heldout {params.tables:q}",
            "--config {params.config:q} --train {output.train} --val {output.val} --report {output.report}",
        )


rule frames:
    """The crystals off the minima that embedded sets of several files have."""
    input:
        crystals="<results>/{dataset}/crystals.parquet",
        split="<results>/{dataset}/split.csv",
        sets=lambda w: [f"{folder}/manifest.json" for folder in frame_sets(w.dataset).values()],
    output:
        train="<results>/{dataset}/frames/train.safetensors",
        val="<results>/{dataset}/frames/val.safetensors",
    log:
        "<logs>/frames/{dataset}.log",
    priority: 100
    conda:
        "../envs/data.yaml"
    resources:
        **on_cpu(minutes=30, mb=4000),
    params:
        sets=lambda w: canonical(frame_sets(w.dataset)),
        max_atoms=config["data"]["max_atoms"],
        code=code("frames"),
    shell:
        stage(
            "frames",
            "--sets {params.sets:q} --crystals {input.crystals} --split {input.split}",
            "--max-atoms {params.max_atoms} --train {output.train} --val {output.val}",
        )


rule regenerate_prototypes:
    """Makes the embedded data set anew, in hours. Nothing asks for it but its own name."""
    output:
        "<results>/prototypes_regenerated/prototypes.jsonl.gz",
    log:
        "<logs>/regenerate_prototypes.log",
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
        "OMP_NUM_THREADS=1 "
        + stage("prototypes", "--out {params.folder} --parts parts-{params.code} --processes {threads}")
