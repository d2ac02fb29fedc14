"""The surrogate of the energy over latents. {tau} is empty, or says another conservatism than the config's, for Figure 4."""


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
