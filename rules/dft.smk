"""Energies with GPAW: of every candidate and every start, and of the known ground states. A job has a part of the compounds, asks for
what the cache does not have, and puts it there at once."""

# an energy does not depend on how its structure was relaxed
ENERGY = {key: value for key, value in LEVEL.items() if key != "relax"}
COLUMNS_OF_ENERGIES = len(STARTS) + sum(len(COLUMNS[name].starts) for name in [*METHODS, *SEARCHES])


rule energy:
    """The energies of a column's candidates."""
    input:
        "<results>/{dataset}/candidates/{method}/{start}.extxyz",
    output:
        "<results>/{dataset}/energies/{method}/{start}/{part}.jsonl",
    log:
        "<logs>/energy/{dataset}-{method}-{start}-{part}.log",
    conda:
        "../envs/dft.yaml"
    threads: side_by_side(len(PARTS) * COLUMNS_OF_ENERGIES, IN_PART * len(SEEDS))
    resources:
        **on_gpaw(minutes=60, each=2, members=PARTS),
    params:
        config=canonical(ENERGY),
        only=lambda w: PARTS[w.part],
        cache=cache,
        kept=ENERGY_CODE,
        code=code("energy"),
    shell:
        stage(
            "energy",
            "--structures {input} --only {params.only} --config {params.config:q} --out {output}",
            "--cache {params.cache} --code {params.kept} --workers {threads} --last {resources.last}",
        )


use rule energy as energy_start with:
    input:
        lambda w: initial("relaxed", "", PARTS[w.part]),
    output:
        "<results>/energies/start/relaxed/{part}.jsonl",
    log:
        "<logs>/energy/start-relaxed-{part}.log",


use rule energy as energy_dataset with:
    input:
        "<results>/{dataset}/initial.extxyz",
    output:
        "<results>/{dataset}/energies/start/dataset/{part}.jsonl",
    log:
        "<logs>/energy/{dataset}-start-dataset-{part}.log",


use rule energy as energy_dft_pso with:
    input:
        "<results>/candidates/dft_pso/{part}.extxyz",
    output:
        "<results>/energies/dft_pso/search/{part}.jsonl",
    log:
        "<logs>/energy/dft_pso-{part}.log",
    resources:
        **on_gpaw(minutes=60, each=2, members=PSO_PARTS),
    params:
        only=lambda w: PSO_PARTS[w.part],


rule reference:
    """The known ground states, relaxed."""
    output:
        "<results>/reference/{part}.jsonl",
    log:
        "<logs>/reference/{part}.log",
    priority: 10  # beside a training, as they wait for none
    conda:
        "../envs/dft.yaml"
    threads: side_by_side(len(PARTS), IN_PART, CORES - HALF)
    resources:
        **on_gpaw(minutes=240, each=5, members=PARTS),
    params:
        config=canonical(LEVEL),
        table=table_file,
        only=lambda w: PARTS[w.part],
        rows=lambda w: digest([ROWS[formula] for formula in PARTS[w.part]]),
        cache=cache,
        energy_code=ENERGY_CODE,
        kept=RELAX_CODE,
        code=code("reference"),
    shell:
        stage(
            "reference",
            "--compounds {params.table:q} --only {params.only} --config {params.config:q} --out {output}",
            "--cache {params.cache} --energy-code {params.energy_code} --code {params.kept}",
            "--workers {threads} --last {resources.last}",
        )
