"""Crystals for a formula that need not be in the table of compounds: snakemake --cores 2 results/prototypes/predictions/TiO2.md"""

RANKS = range(1, config["predict"]["keep"] + 1)


localrules:
    predictions,
    predictions_relaxed,


rule predict:
    """The most promising crystals, by the networks."""
    input:
        train=training_crystals,
        model="<results>/{dataset}/cdvae/model.safetensors",
        surrogate="<results>/{dataset}/surrogate/lcoms.safetensors",
        latents="<results>/{dataset}/latents.safetensors",
        energy_model="<results>/{dataset}/energy_model/model.safetensors",
    output:
        expand(
            "<results>/{{dataset}}/predict/{{formula}}/{rank}.{kind}",
            rank=RANKS,
            kind=["extxyz", "cif"],
        ),
    log:
        "<logs>/predict/{dataset}-{formula}.log",
    priority: 100
    conda:
        "../envs/ml.yaml"
    resources:
        **on_gpu(minutes=240),
    params:
        config=section("predict"),
        descent=lambda w: descent_of(CONFIG.methods.descent_on("lcoms"), w.dataset),
        decode=decoding_of(CONFIG.methods.descent_on("lcoms")),
        folder=subpath(output[0], parent=True),
        code=code("predict"),
    shell:
        stage(
            "predict",
            "--formula {wildcards.formula} --train {input.train} --model {input.model}",
            "--surrogate {input.surrogate} --latents {input.latents} --energy-model {input.energy_model}",
            "--config {params.config:q}",
            "--descent {params.descent:q} --decode {params.decode:q}",
            "--out-dir {params.folder}",
            DEVICE,
        )


use rule energy as energy_prediction with:
    input:
        expand("<results>/{{dataset}}/predict/{{formula}}/{rank}.extxyz", rank=RANKS),
    output:
        "<results>/{dataset}/energies/predict/{formula}.jsonl",
    log:
        "<logs>/energy/{dataset}-predict-{formula}.log",
    threads: side_by_side(1, len(RANKS))
    params:
        only=lambda w: [w.formula],


rule relax_prediction:
    """A predicted crystal, relaxed: results/prototypes/predictions/TiO2-relaxed.md"""
    input:
        "<results>/{dataset}/predict/{formula}/{rank}.extxyz",
    output:
        extxyz="<results>/{dataset}/relaxed/{formula}/{rank}.extxyz",
        cif="<results>/{dataset}/relaxed/{formula}/{rank}.cif",
    log:
        "<logs>/relax_prediction/{dataset}-{formula}-{rank}.log",
    priority: 50
    conda:
        "../envs/dft.yaml"
    resources:
        **on_gpaw(minutes=240, each=0, members=PARTS),
    params:
        config=canonical(RELAXATION),
        state=state("relax_prediction/{dataset}-{formula}-{rank}"),
        code=code("relax_prediction"),
    shell:
        stage(
            "relax_prediction",
            "--structure {input} --config {params.config:q}",
            "--out {output.extxyz} --state {params.state} --code {params.code} --last {resources.last}",
        )


use rule energy_prediction as energy_relaxed with:
    input:
        expand("<results>/{{dataset}}/relaxed/{{formula}}/{rank}.extxyz", rank=RANKS),
    output:
        "<results>/{dataset}/energies/relaxed/{formula}.jsonl",
    log:
        "<logs>/energy/{dataset}-relaxed-{formula}.log",


rule predictions:
    """The crystals of a formula in order of their energies."""
    input:
        structures=expand("<results>/{{dataset}}/predict/{{formula}}/{rank}.extxyz", rank=RANKS),
        energies="<results>/{dataset}/energies/predict/{formula}.jsonl",
    output:
        csv="<results>/{dataset}/predictions/{formula}.csv",
        md="<results>/{dataset}/predictions/{formula}.md",
    log:
        "<logs>/predictions/{dataset}-{formula}.log",
    conda:
        "../envs/report.yaml"
    resources:
        **on_cpu(minutes=30, mb=2000),
    params:
        code=code("predictions"),
    shell:
        stage(
            "predictions",
            "--formula {wildcards.formula} --structures {input.structures}",
            "--energies {input.energies} --csv {output.csv} --md {output.md}",
        )


use rule predictions as predictions_relaxed with:
    input:
        structures=expand("<results>/{{dataset}}/relaxed/{{formula}}/{rank}.extxyz", rank=RANKS),
        energies="<results>/{dataset}/energies/relaxed/{formula}.jsonl",
    output:
        csv="<results>/{dataset}/predictions/{formula}-relaxed.csv",
        md="<results>/{dataset}/predictions/{formula}-relaxed.md",
    log:
        "<logs>/predictions/{dataset}-{formula}-relaxed.log",
