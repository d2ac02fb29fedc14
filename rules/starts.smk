"""The starts: random structures relaxed with GPAW, and training crystals with their atoms swapped; and the column that is such a crystal."""

# a relaxation has k-points of its own
RANDOM = {key: value for key, value in config["initial"].items() if key != "draw"}
RELAXATION = {key: value for key, value in LEVEL.items() if key != "kpoint_density"}


rule relax_initial:
    output:
        "<results>/initial/{part}.extxyz",
    log:
        "<logs>/relax_initial/{part}.log",
    priority: 50
    conda:
        "../envs/dft.yaml"
    threads: side_by_side(len(RELAX_PARTS), relaxations_size(PER_JOB) * len(SEEDS), CORES - HALF)
    resources:
        **on_gpaw(minutes=240, each=10, members=RELAX_PARTS),
    params:
        config=canonical({"initial": RANDOM, "dft": RELAXATION}),
        table=table_file,
        only=lambda w: RELAX_PARTS[w.part],
        sizes=lambda w: sizes(RELAX_PARTS[w.part]),
        seeds=len(SEEDS),
        cache=cache,
        kept=RELAX_CODE,
        code=code("relax_initial"),
    shell:
        stage(
            "relax_initial",
            "--compounds {params.table:q} --only {params.only} --seeds {params.seeds} --config {params.config:q}",
            "--out {output} --cache {params.cache} --code {params.kept} --workers {threads} --last {resources.last}",
        )


rule swap_initial:
    input:
        train="<results>/{dataset}/train.safetensors",
    output:
        "<results>/{dataset}/initial.extxyz",
    log:
        "<logs>/swap_initial/{dataset}.log",
    priority: 100
    conda:
        "../envs/data.yaml"
    resources:
        **on_cpu(minutes=30, mb=2000),
    params:
        only=only,
        table=table_file,
        sizes=sizes(COMPOUNDS),
        seeds=len(SEEDS),
        draw=config["initial"]["draw"],
        code=code("swap_initial"),
    shell:
        stage(
            "swap_initial",
            "--train {input.train} --compounds {params.table:q} {params.only}",
            "--seeds {params.seeds} --draw {params.draw} --out {output}",
        )


rule analogue:
    """What a look into the training data finds, without any network."""
    input:
        train="<results>/{dataset}/train.safetensors",
    output:
        candidates="<results>/{dataset}/candidates/{method}/none.extxyz",
        cif="<results>/{dataset}/candidates/{method}/none.cif",
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
        only=only,
        table=table_file,
        sizes=sizes(COMPOUNDS),
        code=code("analogue"),
    shell:
        stage(
            "analogue",
            "--method {wildcards.method} --train {input.train} --compounds {params.table:q}",
            "{params.only} --out {output.candidates} --timing {output.timing}",
        )
