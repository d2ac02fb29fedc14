"""The starts: random structures relaxed with GPAW, and training crystals with their atoms swapped."""

# a relaxation has k-points of its own
RELAXATION = {key: value for key, value in config["dft"].items() if key != "kpoint_density"}


rule relax_initial:
    output:
        f"{R}/initial/{{compound}}-{{seed}}.extxyz",
    log:
        f"{R}/logs/relax_initial/{{compound}}-{{seed}}.log",
    benchmark:
        f"{R}/benchmarks/relax_initial/{{compound}}-{{seed}}.tsv"
    priority: 50
    conda:
        "../envs/dft.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=240,
    params:
        config=canonical({"initial": config["initial"], "dft": RELAXATION}),
        table=table_file,
        n_atoms=lambda w: COMPOUNDS[w.compound].n_atoms,
        state=f"{R}/.state/relax_initial/{{compound}}-{{seed}}",
        code=code("relax_initial"),
    shell:
        "python -m lcom.stages.relax_initial --compounds {params.table:q} --compound {wildcards.compound} "
        "--seed {wildcards.seed} --config {params.config:q} --out {output} --state {params.state} --code {params.code} "
        "> {log} 2>&1"


rule swap_initial:
    input:
        train=f"{R}/{{dataset}}/train.safetensors",
    output:
        every(f"{R}/{{{{dataset}}}}/initial/{{compound}}-{{seed}}.extxyz"),
    log:
        f"{R}/logs/swap_initial/{{dataset}}.log",
    benchmark:
        f"{R}/benchmarks/swap_initial/{{dataset}}.tsv"
    priority: 100
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        only=list(COMPOUNDS),
        table=table_file,
        n_atoms=canonical({formula: compound.n_atoms for formula, compound in COMPOUNDS.items()}),
        seeds=len(SEEDS),
        folder=subpath(output[0], parent=True),
        code=code("swap_initial"),
    shell:
        "python -m lcom.stages.swap_initial --train {input.train} --compounds {params.table:q} --only {params.only} "
        "--seeds {params.seeds} --out-dir {params.folder} > {log} 2>&1"
