"""The starts: random structures relaxed with GPAW, and training crystals with their atoms swapped; and the column that is such a crystal."""

# a relaxation has k-points of its own
RANDOM = {key: value for key, value in config["initial"].items() if key != "draw"}
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
        config=canonical({"initial": RANDOM, "dft": RELAXATION}),
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
        draw=config["initial"]["draw"],
        folder=subpath(output[0], parent=True),
        code=code("swap_initial"),
    shell:
        stage(
            "swap_initial",
            "--train {input.train} --compounds {params.table:q} --only {params.only}",
            "--seeds {params.seeds} --draw {params.draw} --out-dir {params.folder}",
        )


rule analogue:
    """What a look into the training data finds, without any network."""
    input:
        train="<results>/{dataset}/train.safetensors",
    output:
        candidates=expand(
            "<results>/{{dataset}}/candidates/{{method}}/none/{compound}-0.{kind}",
            compound=COMPOUNDS,
            kind=["extxyz", "cif"],
        ),
        timing="<results>/{dataset}/candidates/{method}/timing.json",
    log:
        "<logs>/analogue/{dataset}-{method}.log",
    wildcard_constraints:
        method=any_of(ANALOGUES),
    priority: 100
    conda:
        "../envs/data.yaml"
    resources:
        **on_cpu(minutes=30, mb=2000),
    params:
        only=list(COMPOUNDS),
        table=table_file,
        n_atoms=canonical({formula: compound.n_atoms for formula, compound in COMPOUNDS.items()}),
        folder=subpath(output.timing, parent=True),
        code=code("analogue"),
    shell:
        stage(
            "analogue",
            "--method {wildcards.method} --train {input.train} --compounds {params.table:q}",
            "--only {params.only} --out-dir {params.folder} --timing {output.timing}",
        )
