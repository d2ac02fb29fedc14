"""Descents for validation compositions, judged by CHGNet in seconds: the lower half of Figure 3, where the paper has 83 compositions."""

UNSEEN = "<results>/{dataset}/unseen"


rule unseen_initial:
    input:
        train="<results>/{dataset}/train.safetensors",
        val="<results>/{dataset}/val.safetensors",
    output:
        known=f"{UNSEEN}/known.extxyz",
        starts=f"{UNSEEN}/initial.extxyz",
    log:
        "<logs>/unseen_initial/{dataset}.log",
    priority: 100
    conda:
        "../envs/data.yaml"
    resources:
        **on_cpu(minutes=30, mb=2000),
    params:
        compositions=config["figures"]["unseen"],
        seeds=len(SEEDS),
        draw=config["initial"]["draw"],
        code=code("unseen_initial"),
    shell:
        stage(
            "unseen_initial",
            "--train {input.train} --val {input.val} --count {params.compositions} --seeds {params.seeds}",
            "--draw {params.draw} --known {output.known} --out {output.starts}",
        )


# here the method is a surrogate, or choice: no step, the control
use rule optimise as optimise_unseen with:
    input:
        model="<results>/{dataset}/cdvae/model.safetensors",
        surrogate=lambda w: [] if w.method == "choice" else f"{R}/{w.dataset}/surrogate/{w.method}.safetensors",
        latents="<results>/{dataset}/latents.safetensors",
        starts=f"{UNSEEN}/initial.extxyz",
    output:
        path=f"{UNSEEN}/{{method}}.safetensors",
        timing=f"{UNSEEN}/{{method}}.json",
    log:
        "<logs>/optimise_unseen/{dataset}-{method}.log",
    wildcard_constraints:
        method="lcoms|sl|choice",
    params:
        config=lambda w: descent_of(unseen_column(w.method), w.dataset),


use rule decode as decode_unseen with:
    input:
        model="<results>/{dataset}/cdvae/model.safetensors",
        optimised=f"{UNSEEN}/{{method}}.safetensors",
        chooser=unseen_chooser,
    output:
        candidates=expand(f"{UNSEEN}/{{{{method}}}}/dataset.{{kind}}", dataset="{dataset}", kind=["extxyz", "cif"]),
        timing=f"{UNSEEN}/{{method}}/timing.json",
    log:
        "<logs>/decode_unseen/{dataset}-{method}.log",
    wildcard_constraints:
        method="lcoms|sl|choice",
    params:
        config=lambda w: decoding_of(unseen_column(w.method)),


rule unseen:
    input:
        known=f"{UNSEEN}/known.extxyz",
        starts=f"{UNSEEN}/initial.extxyz",
        found=expand(f"{UNSEEN}/{{method}}/dataset.extxyz", dataset="{dataset}", method=["lcoms", "sl", "choice"]),
    output:
        "<results>/{dataset}/unseen.csv",
    log:
        "<logs>/unseen/{dataset}.log",
    conda:
        "../envs/data.yaml"
    resources:
        **on_cpu(minutes=60, mb=4000),
    params:
        code=code("unseen"),
    shell:
        stage(
            "unseen",
            "--dataset {wildcards.dataset} --known {input.known} --starts {input.starts}",
            "--found {input.found} --out {output}",
        )
