"""The auto-encoder: training, the latents of the crystals it was trained on, and the way back from latents to crystals."""

# found once for all data sets and configs of this run (cdvae.encoder.graph: crystalnn)
BONDS = f"{R}/.cache/crystalnn.sqlite"


rule train_cdvae:
    input:
        train=f"{R}/{{dataset}}/train.safetensors",
        val=f"{R}/{{dataset}}/val.safetensors",
    output:
        model=f"{R}/{{dataset}}/cdvae/model.safetensors",
        metrics=f"{R}/{{dataset}}/cdvae/metrics.csv",
    log:
        f"{R}/logs/train_cdvae/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/train_cdvae/{{dataset}}.tsv"
    priority: 100
    conda:
        "../envs/ml.yaml"
    # half of the cores: the relaxations, which run beside it, have the others
    threads: max(1, min(4, CORES // 2))
    resources:
        mem_mb=4000,
        runtime=720,
        gpu=config["cdvae"]["training"]["devices"],
    params:
        config=network("cdvae"),
        minutes=checkpoint_minutes("cdvae"),
        state=f"{R}/.state/train_cdvae/{{dataset}}",
        code=code("train_cdvae"),
    shell:
        "python -m lcom.stages.train_cdvae --train {input.train} --val {input.val} --config {params.config:q} "
        "--out {output.model} --metrics {output.metrics} --state {params.state} --checkpoint-minutes {params.minutes} "
        f"--code {{params.code}} --bonds {BONDS} --workers {{threads}} {DEVICE} > {{log}} 2>&1"


rule encode:
    input:
        model=f"{R}/{{dataset}}/cdvae/model.safetensors",
        train=f"{R}/{{dataset}}/train.safetensors",
        val=f"{R}/{{dataset}}/val.safetensors",
    output:
        f"{R}/{{dataset}}/latents.safetensors",
    log:
        f"{R}/logs/encode/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/encode/{{dataset}}.tsv"
    priority: 100
    conda:
        "../envs/ml.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=1,
    params:
        code=code("encode"),
    shell:
        "python -m lcom.stages.encode --model {input.model} --train {input.train} --val {input.val} "
        f"--out {{output}} --bonds {BONDS} --workers {{threads}} {DEVICE} > {{log}} 2>&1"


rule decode:
    input:
        model=f"{R}/{{dataset}}/cdvae/model.safetensors",
        optimised=f"{R}/{{dataset}}/optimise/{{method}}.safetensors",
        surrogate=surrogate_of,
    output:
        candidates=every(
            f"{R}/{{{{dataset}}}}/candidates/{{{{method}}}}/{{start}}/{{compound}}-{{seed}}.{{kind}}",
            start=STARTS,
            kind=["extxyz", "cif"],
        ),
        timing=f"{R}/{{dataset}}/candidates/{{method}}/timing.json",
    log:
        f"{R}/logs/decode/{{dataset}}-{{method}}.log",
    benchmark:
        f"{R}/benchmarks/decode/{{dataset}}-{{method}}.tsv"
    wildcard_constraints:
        method="|".join(METHODS),
    priority: 100
    conda:
        "../envs/ml.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=1,
    params:
        config=section("decode"),
        surrogate=surrogate_option,
        folder=subpath(output.timing, parent=True),
        code=code("decode"),
    shell:
        "python -m lcom.stages.decode --model {input.model} --optimised {input.optimised} {params.surrogate} "
        "--config {params.config:q} "
        f"--out-dir {{params.folder}} --timing {{output.timing}} {DEVICE} > {{log}} 2>&1"
