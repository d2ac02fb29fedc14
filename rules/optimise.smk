"""Descent in latent space for all compounds and seeds at once, and the way back to crystals."""


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
        method="|".join(METHODS),
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
