"""The auto-encoder: training, the latents of the crystals it was trained on, and the way back from latents to crystals."""

# found once for all data sets and configs of this run (cdvae.encoder.graph: crystalnn)
BONDS = f"--bonds {R}/.cache/crystalnn.sqlite"


rule train_cdvae:
    input:
        train="<results>/{dataset}/train.safetensors",
        val="<results>/{dataset}/val.safetensors",
    output:
        model="<results>/{dataset}/cdvae/model.safetensors",
        metrics=report(
            "<results>/{dataset}/cdvae/metrics.csv",
            caption="../lcom/report/captions/training.rst",
            category="Trainings",
            labels={"network": "CD-VAE", "data set": "{dataset}"},
        ),
    log:
        "<logs>/train_cdvae/{dataset}.log",
    priority: 100
    conda:
        "../envs/ml.yaml"
    threads: HALF
    resources:
        **on_gpu(minutes=720, gpus=config["cdvae"]["training"]["devices"]),
    params:
        config=network("cdvae"),
        weights=weights("cdvae"),
        target=config["surrogate"]["target"] if config["cdvae"]["energy_weight"] else "energy_above",
        minutes=checkpoint_minutes("cdvae"),
        state=state("train_cdvae/{dataset}"),
        code=code("train_cdvae"),
    shell:
        stage(
            "train_cdvae",
            "--train {input.train} --val {input.val} --config {params.config:q}",
            "--out {output.model} --metrics {output.metrics} --state {params.state} --code {params.code} --checkpoint-minutes {params.minutes}",
            "--workers {threads}",
            "--target {params.target}",
            BONDS,
            DEVICE,
        )


rule encode:
    input:
        model="<results>/{dataset}/cdvae/model.safetensors",
        train="<results>/{dataset}/train.safetensors",
        val="<results>/{dataset}/val.safetensors",
    output:
        "<results>/{dataset}/latents.safetensors",
    log:
        "<logs>/encode/{dataset}.log",
    priority: 100
    conda:
        "../envs/ml.yaml"
    resources:
        **on_gpu(minutes=60),
    params:
        code=code("encode"),
    shell:
        stage(
            "encode",
            "--model {input.model} --train {input.train} --val {input.val}",
            "--out {output} --workers {threads}",
            BONDS,
            DEVICE,
        )


rule decode:
    input:
        model="<results>/{dataset}/cdvae/model.safetensors",
        optimised="<results>/{dataset}/optimise/{method}.safetensors",
        chooser=chooser_of,
    output:
        candidates=expand(
            "<results>/{{dataset}}/candidates/{{method}}/{start}.{kind}", start=STARTS, kind=["extxyz", "cif"]
        ),
        timing="<results>/{dataset}/candidates/{method}/timing.json",
    log:
        "<logs>/decode/{dataset}-{method}.log",
    wildcard_constraints:
        method=any_of(name for name in DESCENTS if name not in PRIORS),
    priority: 100
    conda:
        "../envs/ml.yaml"
    resources:
        **on_gpu(minutes=240),
    params:
        config=decoding,
        chooser=chooser_option,
        steps=[],
        folder=subpath(output.timing, parent=True),
        code=code("decode"),
    shell:
        stage(
            "decode",
            "--model {input.model} --optimised {input.optimised} {params.chooser}",
            "--config {params.config:q} {params.steps}",
            "--out-dir {params.folder} --timing {output.timing}",
            DEVICE,
        )


use rule decode as decode_prior with:
    output:
        candidates=expand("<results>/{{dataset}}/candidates/{{method}}/none.{kind}", kind=["extxyz", "cif"]),
        timing="<results>/{dataset}/candidates/{method}/timing.json",
    log:
        "<logs>/decode/{dataset}-{method}.log",
    wildcard_constraints:
        method=any_of(PRIORS),
