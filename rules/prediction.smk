"""Crystals for a formula that need not be in the table of compounds: snakemake --cores 2 results/prototypes/predictions/TiO2.md"""

RANKS = range(1, config["predict"]["keep"] + 1)


rule predict:
    """The most promising crystals, by the networks."""
    input:
        train=training_crystals,
        model=f"{R}/{{dataset}}/cdvae/model.safetensors",
        surrogate=f"{R}/{{dataset}}/surrogate/lcoms.safetensors",
        latents=f"{R}/{{dataset}}/latents.safetensors",
    output:
        expand(
            f"{R}/{{{{dataset}}}}/predict/{{{{formula}}}}/{{rank}}.{{kind}}",
            rank=RANKS,
            kind=["extxyz", "cif"],
        ),
    log:
        f"{R}/logs/predict/{{dataset}}-{{formula}}.log",
    benchmark:
        f"{R}/benchmarks/predict/{{dataset}}-{{formula}}.tsv"
    priority: 100
    conda:
        "../envs/ml.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=1,
    params:
        config=section("predict"),
        descent=lambda w: descent_of("lcoms", w.dataset),
        decode=section("decode"),
        folder=subpath(output[0], parent=True),
        code=code("predict"),
    shell:
        "python -m lcom.stages.predict --formula {wildcards.formula} --train {input.train} --model {input.model} "
        "--surrogate {input.surrogate} --latents {input.latents} --config {params.config:q} "
        "--descent {params.descent:q} --decode {params.decode:q} "
        f"--out-dir {{params.folder}} {DEVICE} > {{log}} 2>&1"


use rule energy as energy_prediction with:
    input:
        f"{R}/{{dataset}}/predict/{{formula}}/{{rank}}.extxyz",
    output:
        f"{R}/{{dataset}}/energies/predict/{{formula}}/{{rank}}.json",
    log:
        f"{R}/logs/energy/{{dataset}}-predict-{{formula}}-{{rank}}.log",
    benchmark:
        f"{R}/benchmarks/energy/{{dataset}}-predict-{{formula}}-{{rank}}.tsv"


rule relax_prediction:
    """A predicted crystal, relaxed: results/prototypes/predictions/TiO2-relaxed.md"""
    input:
        f"{R}/{{dataset}}/predict/{{formula}}/{{rank}}.extxyz",
    output:
        extxyz=f"{R}/{{dataset}}/relaxed/{{formula}}/{{rank}}.extxyz",
        cif=f"{R}/{{dataset}}/relaxed/{{formula}}/{{rank}}.cif",
    log:
        f"{R}/logs/relax_prediction/{{dataset}}-{{formula}}-{{rank}}.log",
    benchmark:
        f"{R}/benchmarks/relax_prediction/{{dataset}}-{{formula}}-{{rank}}.tsv"
    priority: 50
    conda:
        "../envs/dft.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=240,
    params:
        config=canonical(RELAXATION),
        state=f"{R}/.state/relax_prediction/{{dataset}}-{{formula}}-{{rank}}",
        code=code("relax_prediction"),
    shell:
        "python -m lcom.stages.relax_prediction --structure {input} --config {params.config:q} "
        "--out {output.extxyz} --state {params.state} --code {params.code} > {log} 2>&1"


use rule energy as energy_relaxed with:
    input:
        f"{R}/{{dataset}}/relaxed/{{formula}}/{{rank}}.extxyz",
    output:
        f"{R}/{{dataset}}/energies/relaxed/{{formula}}/{{rank}}.json",
    log:
        f"{R}/logs/energy/{{dataset}}-relaxed-{{formula}}-{{rank}}.log",
    benchmark:
        f"{R}/benchmarks/energy/{{dataset}}-relaxed-{{formula}}-{{rank}}.tsv"


rule predictions:
    """The crystals of a formula in order of their energies."""
    input:
        structures=expand(f"{R}/{{{{dataset}}}}/predict/{{{{formula}}}}/{{rank}}.extxyz", rank=RANKS),
        energies=expand(f"{R}/{{{{dataset}}}}/energies/predict/{{{{formula}}}}/{{rank}}.json", rank=RANKS),
    output:
        csv=f"{R}/{{dataset}}/predictions/{{formula}}.csv",
        md=f"{R}/{{dataset}}/predictions/{{formula}}.md",
    log:
        f"{R}/logs/predictions/{{dataset}}-{{formula}}.log",
    benchmark:
        f"{R}/benchmarks/predictions/{{dataset}}-{{formula}}.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code("predictions"),
    shell:
        "python -m lcom.stages.predictions --formula {wildcards.formula} --structures {input.structures} "
        "--energies {input.energies} --csv {output.csv} --md {output.md} > {log} 2>&1"


use rule predictions as predictions_relaxed with:
    input:
        structures=expand(f"{R}/{{{{dataset}}}}/relaxed/{{{{formula}}}}/{{rank}}.extxyz", rank=RANKS),
        energies=expand(f"{R}/{{{{dataset}}}}/energies/relaxed/{{{{formula}}}}/{{rank}}.json", rank=RANKS),
    output:
        csv=f"{R}/{{dataset}}/predictions/{{formula}}-relaxed.csv",
        md=f"{R}/{{dataset}}/predictions/{{formula}}-relaxed.md",
    log:
        f"{R}/logs/predictions/{{dataset}}-{{formula}}-relaxed.log",
    benchmark:
        f"{R}/benchmarks/predictions/{{dataset}}-{{formula}}-relaxed.tsv"
