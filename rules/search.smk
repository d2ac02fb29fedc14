"""The prior methods: an energy model, random search, particle swarm and Bayesian optimisation with it, and DFT-PSO."""


rule train_energy_model:
    input:
        train="<results>/{dataset}/train.safetensors",
        val="<results>/{dataset}/val.safetensors",
        frames=frames_of,
    output:
        model="<results>/{dataset}/energy_model/model.safetensors",
        metrics=report(
            "<results>/{dataset}/energy_model/metrics.csv",
            caption="../lcom/report/captions/training.rst",
            category="Trainings",
            labels={"network": "energy model", "data set": "{dataset}"},
        ),
    log:
        "<logs>/train_energy_model/{dataset}.log",
    priority: 100
    conda:
        "../envs/ml.yaml"
    threads: HALF
    resources:
        **on_gpu(minutes=720, gpus=config["energy_model"]["training"]["devices"]),
    params:
        config=network("energy_model"),
        frames=frames_option,
        minutes=checkpoint_minutes("energy_model"),
        state=state("train_energy_model/{dataset}"),
        code=code("train_energy_model"),
    shell:
        stage(
            "train_energy_model",
            "--train {input.train} --val {input.val} {params.frames} --config {params.config:q}",
            "--out {output.model} --metrics {output.metrics} --state {params.state} --code {params.code} --checkpoint-minutes {params.minutes}",
            DEVICE,
        )


rule predict_known:
    """The energy model's idea of the known ground states, for the plot of Table 2."""
    input:
        model="<results>/{dataset}/energy_model/model.safetensors",
    output:
        "<results>/{dataset}/energy_model/known.json",
    log:
        "<logs>/predict_known/{dataset}.log",
    conda:
        "../envs/ml.yaml"
    resources:
        **on_gpu(minutes=30, mb=2000),
    params:
        table=table_file,
        rows=canonical({formula: ROWS[formula] for formula in COMPOUNDS}),
        only=list(COMPOUNDS),
        code=code("predict_known"),
    shell:
        stage(
            "predict_known",
            "--model {input.model} --compounds {params.table:q} --only {params.only}",
            "--out {output}",
            DEVICE,
        )


rule search:
    """RAS, PSO or BO for all compounds and seeds at once."""
    input:
        model="<results>/{dataset}/energy_model/model.safetensors",
    output:
        candidates=every("<results>/{{dataset}}/candidates/{{method}}/search/{compound}-{seed}.extxyz"),
        timing="<results>/{dataset}/candidates/{method}/timing.json",
        history="<results>/{dataset}/search/{method}.parquet",
    log:
        "<logs>/search/{dataset}-{method}.log",
    wildcard_constraints:
        method="ras|pso|bo",
    priority: 100
    conda:
        "../envs/ml.yaml"
    threads: HALF
    resources:
        **on_gpu(minutes=240),
    params:
        config=lambda w: canonical({key: config["search"][key] for key in SEARCH_KEYS[w.method]}),
        table=table_file,
        n_atoms=canonical({formula: compound.n_atoms for formula, compound in COMPOUNDS.items()}),
        seeds=len(SEEDS),
        only=list(COMPOUNDS),
        folder=subpath(output.timing, parent=True),
        state=state("search/{dataset}-{method}"),
        code=code("search"),
    shell:
        stage(
            "search",
            "--method {wildcards.method} --model {input.model} --compounds {params.table:q}",
            "--only {params.only} --seeds {params.seeds} --config {params.config:q} --out-dir {params.folder}",
            "--timing {output.timing} --history {output.history} --state {params.state} --code {params.code}",
            DEVICE,
        )


rule dft_pso:
    """The particle swarm with GPAW's energies. No data set has a part in it."""
    output:
        "<results>/candidates/dft_pso/search/{compound}-{seed}.extxyz",
    log:
        "<logs>/dft_pso/{compound}-{seed}.log",
    conda:
        "../envs/dft.yaml"
    resources:
        **on_cpu(minutes=1440),
    params:
        config=canonical(
            {key: config["search"][key] for key in ("space", "pso")}
            | {"dft_pso": {key: value for key, value in config["search"]["dft_pso"].items() if key != "compounds"}}
        ),
        dft=canonical(dft_of_the_swarm()),
        table=table_file,
        n_atoms=lambda w: COMPOUNDS[w.compound].n_atoms,
        state=state("dft_pso/{compound}-{seed}"),
        code=code("dft_pso"),
    shell:
        stage(
            "dft_pso",
            "--compounds {params.table:q} --compound {wildcards.compound} --seed {wildcards.seed}",
            "--config {params.config:q} --dft {params.dft:q} --out {output} --state {params.state} --code {params.code}",
        )
