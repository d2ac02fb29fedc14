"""Table 1."""


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
        candidates=every(
            f"{R}/{{dataset}}/candidates/{{method}}/{{start}}/{{compound}}-{{seed}}.extxyz",
            dataset=config["datasets"],
            method=METHODS,
            start=STARTS,
        ),
        energies=every(
            f"{R}/{{dataset}}/energies/{{method}}/{{start}}/{{compound}}-{{seed}}.json",
            dataset=config["datasets"],
            method=METHODS,
            start=STARTS,
        ),
        timings=expand(
            [f"{R}/{{dataset}}/optimise/{{method}}.json", f"{R}/{{dataset}}/candidates/{{method}}/timing.json"],
            dataset=config["datasets"],
            method=METHODS,
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
        config=canonical({"datasets": config["datasets"], "seeds": len(SEEDS), "only": list(COMPOUNDS)}),
        results=subpath(output.csv, parent=True),
        code=code("table1"),
    shell:
        "python -m lcom.stages.table1 --config {params.config:q} --compounds {input.compounds:q} "
        "--results {params.results} --csv {output.csv} --md {output.md} > {log} 2>&1"
