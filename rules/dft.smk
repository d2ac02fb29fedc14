"""Energies with GPAW: of every candidate and every start, and of the known ground states."""

# an energy does not depend on how its structure was relaxed
ENERGY = {key: value for key, value in config["dft"].items() if key != "relax"}


rule energy:
    """The energy of one candidate."""
    input:
        "<results>/{dataset}/candidates/{method}/{start}/{compound}-{seed}.extxyz",
    output:
        "<results>/{dataset}/energies/{method}/{start}/{compound}-{seed}.json",
    log:
        "<logs>/energy/{dataset}-{method}-{start}-{compound}-{seed}.log",
    conda:
        "../envs/dft.yaml"
    resources:
        **on_gpaw(minutes=120),
    params:
        config=canonical(ENERGY),
        code=code("energy"),
    shell:
        stage(
            "energy",
            "--structure {input} --config {params.config:q} --out {output} --last {resources.last}",
        )


use rule energy as energy_start with:
    input:
        "<results>/initial/{compound}-{seed}.extxyz",
    output:
        "<results>/energies/start/relaxed/{compound}-{seed}.json",
    log:
        "<logs>/energy/start-relaxed-{compound}-{seed}.log",


use rule energy as energy_dataset with:
    input:
        "<results>/{dataset}/initial/{compound}-{seed}.extxyz",
    output:
        "<results>/{dataset}/energies/start/dataset/{compound}-{seed}.json",
    log:
        "<logs>/energy/{dataset}-start-dataset-{compound}-{seed}.log",


use rule energy as energy_dft_pso with:
    input:
        "<results>/candidates/dft_pso/search/{compound}-{seed}.extxyz",
    output:
        "<results>/energies/dft_pso/search/{compound}-{seed}.json",
    log:
        "<logs>/energy/dft_pso-{compound}-{seed}.log",


rule reference:
    """The known ground state of a compound, relaxed."""
    output:
        "<results>/reference/{compound}.json",
    log:
        "<logs>/reference/{compound}.log",
    conda:
        "../envs/dft.yaml"
    resources:
        **on_gpaw(minutes=240),
    params:
        config=section("dft"),
        table=table_file,
        row=lambda w: ROWS[w.compound],
        state=state("reference/{compound}"),
        code=code("reference"),
    shell:
        stage(
            "reference",
            "--compounds {params.table:q} --compound {wildcards.compound}",
            "--config {params.config:q} --out {output} --state {params.state} --code {params.code} --last {resources.last}",
        )
