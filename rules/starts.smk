"""The starts: random structures relaxed with GPAW, and training crystals with their atoms swapped."""

# a relaxation has k-points of its own
RELAXATION = {key: value for key, value in config["dft"].items() if key != "kpoint_density"}


rule relax_initial:
    output:
        "<results>/initial/{compound}-{seed}.extxyz",
    log:
        "<logs>/relax_initial/{compound}-{seed}.log",
    priority: 50
    conda:
        "../envs/dft.yaml"
    resources:
        **on_gpaw(minutes=240),
    params:
        config=canonical({"initial": config["initial"], "dft": RELAXATION}),
        table=table_file,
        n_atoms=lambda w: COMPOUNDS[w.compound].n_atoms,
        state=state("relax_initial/{compound}-{seed}"),
        code=code("relax_initial"),
    shell:
        stage(
            "relax_initial",
            "--compounds {params.table:q} --compound {wildcards.compound}",
            "--seed {wildcards.seed} --config {params.config:q} --out {output} --state {params.state} --code {params.code} --last {resources.last}",
        )


rule swap_initial:
    input:
        train="<results>/{dataset}/train.safetensors",
    output:
        every("<results>/{{dataset}}/initial/{compound}-{seed}.extxyz"),
    log:
        "<logs>/swap_initial/{dataset}.log",
    priority: 100
    conda:
        "../envs/data.yaml"
    resources:
        **on_cpu(minutes=30, mb=2000),
    params:
        only=list(COMPOUNDS),
        table=table_file,
        n_atoms=canonical({formula: compound.n_atoms for formula, compound in COMPOUNDS.items()}),
        seeds=len(SEEDS),
        folder=subpath(output[0], parent=True),
        code=code("swap_initial"),
    shell:
        stage(
            "swap_initial",
            "--train {input.train} --compounds {params.table:q} --only {params.only}",
            "--seeds {params.seeds} --out-dir {params.folder}",
        )
