"""Tables 1 and 2."""

TABLES = canonical(
    {
        "datasets": config["datasets"],
        "seeds": len(SEEDS),
        "only": list(COMPOUNDS),
        "searches": SEARCHES,
        "dft_pso": DFT_PSO,
    }
)


rule table1:
    input:
        compounds=ancient(TABLE),
        references=expand(f"{R}/reference/{{compound}}.json", compound=COMPOUNDS),
        starts=[
            *every(f"{R}/initial/{{compound}}-{{seed}}.extxyz"),
            *every(f"{R}/{{dataset}}/initial/{{compound}}-{{seed}}.extxyz", dataset=config["datasets"]),
        ],
        start_energies=[
            *every(f"{R}/energies/start/relaxed/{{compound}}-{{seed}}.json"),
            *every(f"{R}/{{dataset}}/energies/start/dataset/{{compound}}-{{seed}}.json", dataset=config["datasets"]),
        ],
        candidates=every_candidate(f"{R}/{{dataset}}/candidates/{{method}}/{{start}}/{{compound}}-{{seed}}.extxyz"),
        energies=every_candidate(f"{R}/{{dataset}}/energies/{{method}}/{{start}}/{{compound}}-{{seed}}.json"),
        dft_pso=expand(
            [
                f"{R}/candidates/dft_pso/search/{{compound}}-{{seed}}.extxyz",
                f"{R}/energies/dft_pso/search/{{compound}}-{{seed}}.json",
            ],
            compound=DFT_PSO,
            seed=SEEDS,
        ),
        timings=expand(
            [f"{R}/{{dataset}}/optimise/{{method}}.json", f"{R}/{{dataset}}/candidates/{{method}}/timing.json"],
            dataset=config["datasets"],
            method=METHODS,
        ),
        searches=expand(
            f"{R}/{{dataset}}/candidates/{{method}}/timing.json", dataset=config["datasets"], method=SEARCHES
        ),
    output:
        csv=f"{R}/table1.csv",
        md=f"{R}/table1.md",
    log:
        f"{R}/logs/table1.log",
    benchmark:
        f"{R}/benchmarks/table1.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        config=TABLES,
        results=subpath(output.csv, parent=True),
        code=code("table1"),
    shell:
        "python -m lcom.stages.table1 --config {params.config:q} --compounds {input.compounds:q} "
        "--results {params.results} --csv {output.csv} --md {output.md} > {log} 2>&1"


rule table2:
    """Seconds a structure, and ΔE against them. Its rows are those of Table 1, judged again: that takes seconds."""
    input:
        **{name: rules.table1.input[name] for name in rules.table1.input.keys()},
        histories=expand(f"{R}/{{dataset}}/search/{{method}}.parquet", dataset=config["datasets"], method=SEARCHES),
        known=expand(f"{R}/{{dataset}}/energy_model/known.json", dataset=config["datasets"] if SEARCHES else []),
    output:
        csv=f"{R}/table2.csv",
        md=f"{R}/table2.md",
        svg=f"{R}/figures/table2.svg",
        png=f"{R}/figures/table2.png",
    log:
        f"{R}/logs/table2.log",
    benchmark:
        f"{R}/benchmarks/table2.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        config=TABLES,
        results=subpath(output.csv, parent=True),
        code=code("table2"),
    shell:
        "python -m lcom.stages.table2 --config {params.config:q} --compounds {input.compounds:q} "
        "--results {params.results} --csv {output.csv} --md {output.md} --figure {output.svg} --png {output.png} "
        "> {log} 2>&1"
