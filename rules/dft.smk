"""Energies with GPAW: of every candidate and every start, and of the known ground states."""

# an energy does not depend on how its structure was relaxed
ENERGY = {key: value for key, value in config["dft"].items() if key != "relax"}


rule energy:
    """The energy of one candidate."""
    input:
        f"{R}/{{dataset}}/candidates/{{method}}/{{start}}/{{compound}}-{{seed}}.extxyz",
    output:
        f"{R}/{{dataset}}/energies/{{method}}/{{start}}/{{compound}}-{{seed}}.json",
    log:
        f"{R}/logs/energy/{{dataset}}-{{method}}-{{start}}-{{compound}}-{{seed}}.log",
    benchmark:
        f"{R}/benchmarks/energy/{{dataset}}-{{method}}-{{start}}-{{compound}}-{{seed}}.tsv"
    conda:
        "../envs/dft.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=120,
    params:
        config=canonical(ENERGY),
        code=code("energy"),
    shell:
        "python -m lcom.stages.energy --structure {input} --config {params.config:q} --out {output} > {log} 2>&1"


use rule energy as energy_start with:
    input:
        f"{R}/initial/{{compound}}-{{seed}}.extxyz",
    output:
        f"{R}/energies/start/relaxed/{{compound}}-{{seed}}.json",
    log:
        f"{R}/logs/energy/start-relaxed-{{compound}}-{{seed}}.log",
    benchmark:
        f"{R}/benchmarks/energy/start-relaxed-{{compound}}-{{seed}}.tsv"


use rule energy as energy_dataset with:
    input:
        f"{R}/{{dataset}}/initial/{{compound}}-{{seed}}.extxyz",
    output:
        f"{R}/{{dataset}}/energies/start/dataset/{{compound}}-{{seed}}.json",
    log:
        f"{R}/logs/energy/{{dataset}}-start-dataset-{{compound}}-{{seed}}.log",
    benchmark:
        f"{R}/benchmarks/energy/{{dataset}}-start-dataset-{{compound}}-{{seed}}.tsv"


use rule energy as energy_dft_pso with:
    input:
        f"{R}/candidates/dft_pso/search/{{compound}}-{{seed}}.extxyz",
    output:
        f"{R}/energies/dft_pso/search/{{compound}}-{{seed}}.json",
    log:
        f"{R}/logs/energy/dft_pso-{{compound}}-{{seed}}.log",
    benchmark:
        f"{R}/benchmarks/energy/dft_pso-{{compound}}-{{seed}}.tsv"


rule reference:
    """The known ground state of a compound, relaxed."""
    output:
        f"{R}/reference/{{compound}}.json",
    log:
        f"{R}/logs/reference/{{compound}}.log",
    benchmark:
        f"{R}/benchmarks/reference/{{compound}}.tsv"
    conda:
        "../envs/dft.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=240,
    params:
        config=section("dft"),
        table=table_file,
        row=lambda w: ROWS[w.compound],
        state=f"{R}/.state/reference/{{compound}}",
        code=code("reference"),
    shell:
        "python -m lcom.stages.reference --compounds {params.table:q} --compound {wildcards.compound} "
        "--config {params.config:q} --out {output} --state {params.state} --code {params.code} > {log} 2>&1"
