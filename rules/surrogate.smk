"""The surrogate of the energy over latents, and descent on it for all compounds and seeds at once. {tau} is empty, or says another conservatism than the config's, for Figure 4."""


rule train_surrogate:
    input:
        "<results>/{dataset}/latents.safetensors",
    output:
        model="<results>/{dataset}/surrogate/{method}{tau}.safetensors",
        metrics=report(
            "<results>/{dataset}/surrogate/{method}{tau}.csv",
            caption="../lcom/report/captions/training.rst",
            category="Trainings",
            labels={"network": "surrogate {method}{tau}", "data set": "{dataset}"},
        ),
    log:
        "<logs>/train_surrogate/{dataset}-{method}{tau}.log",
    wildcard_constraints:
        method="lcoms|sl",
    priority: 100
    conda:
        "../envs/ml.yaml"
    resources:
        **on_gpu(minutes=240),
    params:
        config=surrogate_settings,
        seeds=len(SEEDS),
        code=code("train_surrogate"),
    shell:
        stage(
            "train_surrogate",
            "--method {wildcards.method} --latents {input} --config {params.config:q}",
            "--seeds {params.seeds} --out {output.model} --metrics {output.metrics}",
            DEVICE,
        )


rule optimise:
    input:
        model="<results>/{dataset}/cdvae/model.safetensors",
        surrogate=surrogate_of,
        latents="<results>/{dataset}/latents.safetensors",
        starts=starts,
    output:
        path="<results>/{dataset}/optimise/{method}.safetensors",
        timing="<results>/{dataset}/optimise/{method}.json",
    log:
        "<logs>/optimise/{dataset}-{method}.log",
    wildcard_constraints:
        method=any_of(DESCENTS),
    priority: 100
    conda:
        "../envs/ml.yaml"
    resources:
        **on_gpu(minutes=60),
    params:
        config=descent,
        surrogate=surrogate_option,
        code=code("optimise"),
    shell:
        stage(
            "optimise",
            "--method {wildcards.method} --model {input.model} {params.surrogate}",
            "--latents {input.latents} --starts {input.starts} --config {params.config:q}",
            "--out {output.path} --timing {output.timing}",
            DEVICE,
        )
