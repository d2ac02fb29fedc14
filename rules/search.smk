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
        weights=weights("energy_model"),
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
        rows=digest([ROWS[formula] for formula in COMPOUNDS]),
        only=only,
        code=code("predict_known"),
    shell:
        stage(
            "predict_known",
            "--model {input.model} --compounds {params.table:q} {params.only}",
            "--out {output}",
            DEVICE,
        )


rule search:
    """RAS, PSO or BO for all compounds and seeds at once."""
    input:
        model="<results>/{dataset}/energy_model/model.safetensors",
    output:
        candidates="<results>/{dataset}/candidates/{method}/search.extxyz",
        cif="<results>/{dataset}/candidates/{method}/search.cif",
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
        sizes=sizes(COMPOUNDS),
        seeds=len(SEEDS),
        only=only,
        state=state("search/{dataset}-{method}"),
        code=code("search"),
    shell:
        stage(
            "search",
            "--method {wildcards.method} --model {input.model} --compounds {params.table:q}",
            "{params.only} --seeds {params.seeds} --config {params.config:q} --out {output.candidates}",
            "--timing {output.timing} --history {output.history} --state {params.state} --code {params.code}",
            DEVICE,
        )


rule mlp:
    """Symmetric random structures relaxed by CHGNet. The data set has no part in it, but its folder has the column."""
    output:
        candidates="<results>/{dataset}/candidates/{method}/none.extxyz",
        cif="<results>/{dataset}/candidates/{method}/none.cif",
        timing="<results>/{dataset}/candidates/{method}/timing.json",
    log:
        "<logs>/mlp/{dataset}-{method}.log",
    wildcard_constraints:
        method=any_of(MLPS),
    priority: 50
    conda:
        "../envs/data.yaml"
    threads: HALF
    resources:
        **on_cpu(minutes=1440, mb=4000),
    params:
        config=canonical(config["search"]["space"]),
        draws=lambda w: METHODS[w.method].draws,
        table=table_file,
        sizes=sizes(COMPOUNDS),
        seeds=len(SEEDS),
        only=only,
        state=state("mlp/{dataset}-{method}"),
        code=code("mlp"),
    shell:
        stage(
            "mlp",
            "--method {wildcards.method} --compounds {params.table:q} {params.only} --seeds {params.seeds}",
            "--draws {params.draws} --config {params.config:q} --out {output.candidates} --timing {output.timing}",
            "--state {params.state} --code {params.code} --workers {threads}",
        )


rule dft_pso:
    """The particle swarm with GPAW's energies. No data set has a part in it."""
    output:
        candidates="<results>/candidates/dft_pso/{part}.extxyz",
        cif="<results>/candidates/dft_pso/{part}.cif",
    log:
        "<logs>/dft_pso/{part}.log",
    conda:
        "../envs/dft.yaml"
    threads: min(CORES, len(SEEDS))
    resources:
        mem_mb=lambda wildcards, threads, attempt: grown(1000 * threads, attempt),
        runtime=1440,
        last=last_attempt,
    params:
        config=canonical(
            {key: config["search"][key] for key in ("space", "pso")}
            | {"dft_pso": {key: value for key, value in config["search"]["dft_pso"].items() if key != "compounds"}}
        ),
        dft=canonical(dft_of_the_swarm()),
        table=table_file,
        only=lambda w: PSO_PARTS[w.part],
        sizes=lambda w: sizes(PSO_PARTS[w.part]),
        seeds=len(SEEDS),
        cache=cache,
        code=code("dft_pso"),
    shell:
        stage(
            "dft_pso",
            "--compounds {params.table:q} --only {params.only} --seeds {params.seeds} --config {params.config:q}",
            "--dft {params.dft:q} --out {output.candidates} --cache {params.cache} --code {params.code} --workers {threads}",
            "--last {resources.last}",
        )
