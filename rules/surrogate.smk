"""The surrogate of the energy over latents, and descent on it for all compounds and seeds at once. {tau} is empty, or says another conservatism than the config's, for Figure 4."""


rule train_surrogate:
    input:
        f"{R}/{{dataset}}/latents.safetensors",
    output:
        model=f"{R}/{{dataset}}/surrogate/{{method}}{{tau}}.safetensors",
        metrics=f"{R}/{{dataset}}/surrogate/{{method}}{{tau}}.csv",
    log:
        f"{R}/logs/train_surrogate/{{dataset}}-{{method}}{{tau}}.log",
    benchmark:
        f"{R}/benchmarks/train_surrogate/{{dataset}}-{{method}}{{tau}}.tsv"
    wildcard_constraints:
        method="lcoms|sl",
    priority: 100
    conda:
        "../envs/ml.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=1,
    params:
        config=surrogate_settings,
        seeds=len(SEEDS),
        code=code("train_surrogate"),
    shell:
        "python -m lcom.stages.train_surrogate --method {wildcards.method} --latents {input} --config {params.config:q} "
        f"--seeds {{params.seeds}} --out {{output.model}} --metrics {{output.metrics}} {DEVICE} > {{log}} 2>&1"


rule optimise:
    input:
        model=f"{R}/{{dataset}}/cdvae/model.safetensors",
        surrogate=surrogate_of,
        latents=f"{R}/{{dataset}}/latents.safetensors",
        starts=[
            *every(f"{R}/initial/{{compound}}-{{seed}}.extxyz"),
            *every(f"{R}/{{{{dataset}}}}/initial/{{compound}}-{{seed}}.extxyz"),
        ],
    output:
        path=f"{R}/{{dataset}}/optimise/{{method}}.safetensors",
        timing=f"{R}/{{dataset}}/optimise/{{method}}.json",
    log:
        f"{R}/logs/optimise/{{dataset}}-{{method}}.log",
    benchmark:
        f"{R}/benchmarks/optimise/{{dataset}}-{{method}}.tsv"
    wildcard_constraints:
        method="|".join(DESCENTS),
    priority: 100
    conda:
        "../envs/ml.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=1,
    params:
        config=descent,
        surrogate=surrogate_option,
        code=code("optimise"),
    shell:
        "python -m lcom.stages.optimise --method {wildcards.method} --model {input.model} {params.surrogate} "
        "--latents {input.latents} --starts {input.starts} --config {params.config:q} "
        f"--out {{output.path}} --timing {{output.timing}} {DEVICE} > {{log}} 2>&1"
