"""The prior methods: an energy model, random search, particle swarm and Bayesian optimisation with it, and DFT-PSO."""


rule train_energy_model:
    input:
        train=f"{R}/{{dataset}}/train.safetensors",
        val=f"{R}/{{dataset}}/val.safetensors",
    output:
        model=f"{R}/{{dataset}}/energy_model/model.safetensors",
        metrics=f"{R}/{{dataset}}/energy_model/metrics.csv",
    log:
        f"{R}/logs/train_energy_model/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/train_energy_model/{{dataset}}.tsv"
    priority: 100
    conda:
        "../envs/ml.yaml"
    threads: max(1, min(4, CORES // 2))
    resources:
        mem_mb=4000,
        runtime=720,
        gpu=config["energy_model"]["training"]["devices"],
    params:
        config=network("energy_model"),
        minutes=checkpoint_minutes("energy_model"),
        state=f"{R}/.state/train_energy_model/{{dataset}}",
        code=code("train_energy_model"),
    shell:
        "python -m lcom.stages.train_energy_model --train {input.train} --val {input.val} --config {params.config:q} "
        "--out {output.model} --metrics {output.metrics} --state {params.state} --checkpoint-minutes {params.minutes} "
        f"--code {{params.code}} {DEVICE} > {{log}} 2>&1"


rule predict_known:
    """The energy model's idea of the known ground states, for the plot of Table 2."""
    input:
        model=f"{R}/{{dataset}}/energy_model/model.safetensors",
    output:
        f"{R}/{{dataset}}/energy_model/known.json",
    log:
        f"{R}/logs/predict_known/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/predict_known/{{dataset}}.tsv"
    conda:
        "../envs/ml.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=1,
    params:
        table=table_file,
        rows=canonical({formula: ROWS[formula] for formula in COMPOUNDS}),
        only=list(COMPOUNDS),
        code=code("predict_known"),
    shell:
        "python -m lcom.stages.predict_known --model {input.model} --compounds {params.table:q} --only {params.only} "
        f"--out {{output}} {DEVICE} > {{log}} 2>&1"


rule search:
    """RAS, PSO or BO for all compounds and seeds at once."""
    input:
        model=f"{R}/{{dataset}}/energy_model/model.safetensors",
    output:
        candidates=every(f"{R}/{{{{dataset}}}}/candidates/{{{{method}}}}/search/{{compound}}-{{seed}}.extxyz"),
        timing=f"{R}/{{dataset}}/candidates/{{method}}/timing.json",
        history=f"{R}/{{dataset}}/search/{{method}}.parquet",
    log:
        f"{R}/logs/search/{{dataset}}-{{method}}.log",
    benchmark:
        f"{R}/benchmarks/search/{{dataset}}-{{method}}.tsv"
    wildcard_constraints:
        method="ras|pso|bo",
    priority: 100
    conda:
        "../envs/ml.yaml"
    threads: max(1, min(4, CORES // 2))
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=1,
    params:
        config=lambda w: canonical({key: config["search"][key] for key in SEARCH_KEYS[w.method]}),
        table=table_file,
        n_atoms=canonical({formula: compound.n_atoms for formula, compound in COMPOUNDS.items()}),
        seeds=len(SEEDS),
        only=list(COMPOUNDS),
        folder=subpath(output.timing, parent=True),
        state=f"{R}/.state/search/{{dataset}}-{{method}}",
        code=code("search"),
    shell:
        "python -m lcom.stages.search --method {wildcards.method} --model {input.model} --compounds {params.table:q} "
        "--only {params.only} --seeds {params.seeds} --config {params.config:q} --out-dir {params.folder} "
        "--timing {output.timing} --history {output.history} --state {params.state} --code {params.code} "
        f"{DEVICE} > {{log}} 2>&1"


rule dft_pso:
    """The particle swarm with GPAW's energies. No data set has a part in it."""
    output:
        f"{R}/candidates/dft_pso/search/{{compound}}-{{seed}}.extxyz",
    log:
        f"{R}/logs/dft_pso/{{compound}}-{{seed}}.log",
    benchmark:
        f"{R}/benchmarks/dft_pso/{{compound}}-{{seed}}.tsv"
    conda:
        "../envs/dft.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=1440,
    params:
        config=canonical(
            {key: config["search"][key] for key in ("space", "pso")}
            | {"dft_pso": {key: value for key, value in config["search"]["dft_pso"].items() if key != "compounds"}}
        ),
        dft=canonical(dft_of_the_swarm()),
        table=table_file,
        n_atoms=lambda w: COMPOUNDS[w.compound].n_atoms,
        state=f"{R}/.state/dft_pso/{{compound}}-{{seed}}",
        code=code("dft_pso"),
    shell:
        "python -m lcom.stages.dft_pso --compounds {params.table:q} --compound {wildcards.compound} --seed {wildcards.seed} "
        "--config {params.config:q} --dft {params.dft:q} --out {output} --state {params.state} --code {params.code} "
        "> {log} 2>&1"
