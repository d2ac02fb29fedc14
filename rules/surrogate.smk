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
        only="",
        code=code("optimise"),
    shell:
        stage(
            "optimise",
            "--method {wildcards.method} --model {input.model} {params.surrogate}",
            "--latents {input.latents} --starts {input.starts} {params.only} --config {params.config:q}",
            "--out {output.path} --timing {output.timing}",
            DEVICE,
        )


rule many:
    """Descents from many swapped crystals, the lowest of their decodings: what LCOMs find in the seconds of a search."""
    input:
        train="<results>/{dataset}/train.safetensors",
        model="<results>/{dataset}/cdvae/model.safetensors",
        surrogate=surrogate_of,
        chooser=model_of,
        latents="<results>/{dataset}/latents.safetensors",
    output:
        candidates="<results>/{dataset}/candidates/{method}/none.extxyz",
        cif="<results>/{dataset}/candidates/{method}/none.cif",
        timing="<results>/{dataset}/candidates/{method}/timing.json",
    log:
        "<logs>/many/{dataset}-{method}.log",
    wildcard_constraints:
        method=any_of(MANY),
    priority: 100
    conda:
        "../envs/ml.yaml"
    resources:
        **on_gpu(minutes=240),
    params:
        descent=descent,
        decode=decoding,
        draws=lambda w: METHODS[w.method].draws,
        decoded=lambda w: METHODS[w.method].decoded,
        chooser=chooser_option,
        table=table_file,
        sizes=sizes(COMPOUNDS),
        seeds=len(SEEDS),
        only=only,
        code=code("many"),
    shell:
        stage(
            "many",
            "--method {wildcards.method} --train {input.train} --model {input.model} --surrogate {input.surrogate}",
            "--latents {input.latents} --descent {params.descent:q} --decode {params.decode:q} {params.chooser}",
            "--draws {params.draws} --decoded {params.decoded} --compounds {params.table:q} {params.only}",
            "--seeds {params.seeds} --out {output.candidates} --timing {output.timing}",
            DEVICE,
        )
