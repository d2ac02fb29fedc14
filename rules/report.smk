"""Tables 1 and 2, and Figures 2 to 4 of the paper: energies along the descent, what each compound gains, and what conservatism does."""

START_ENERGIES = {
    "relaxed": "<results>/energies/start/relaxed/{part}.jsonl",
    "dataset": "<results>/{dataset}/energies/start/dataset/{part}.jsonl",
}


TABLES = table_settings()


localrules:
    figure3,  # a second


rule table1:
    input:
        compounds=ancient(TABLE),
        references=expand("<results>/reference/{part}.jsonl", part=PARTS),
        starts=[file for kind in STARTS for name in config["datasets"] for file in initial(kind, name, COMPOUNDS)],
        start_energies=expand([START_ENERGIES[kind] for kind in STARTS], dataset=config["datasets"], part=PARTS),
        searches=expand(
            "<results>/{dataset}/candidates/{method}/search.extxyz", dataset=config["datasets"], method=SEARCHES
        ),
        energies=every_column("<results>/{dataset}/energies/{method}/{start}/{part}.jsonl"),
        dft_pso=expand(
            ["<results>/candidates/dft_pso/{part}.extxyz", "<results>/energies/dft_pso/search/{part}.jsonl"],
            part=PSO_PARTS,
        ),
        timings=expand("<results>/{dataset}/optimise/{method}.json", dataset=config["datasets"], method=DESCENTS),
        seconds=expand(
            "<results>/{dataset}/candidates/{method}/timing.json",
            dataset=config["datasets"],
            method=[*METHODS, *SEARCHES],
        ),
    output:
        csv=report(
            "<results>/table1.csv",
            caption="../lcom/report/captions/table1.rst",
            category="Tables",
            labels={"table": "1: known ground states found"},
        ),
        md="<results>/table1.md",
    log:
        "<logs>/table1.log",
    conda:
        "../envs/report.yaml"
    resources:
        **on_cpu(minutes=30, mb=2000),
    params:
        config=TABLES,
        compounds=digest(list(COMPOUNDS)),
        results=subpath(output.csv, parent=True),
        code=code("table1"),
    shell:
        stage(
            "table1",
            "--config {params.config:q} --compounds {input.compounds:q}",
            "--results {params.results} --csv {output.csv} --md {output.md}",
        )


rule table2:
    """Seconds a structure, and ΔE against them. Its rows are those of Table 1, judged again: that takes seconds."""
    input:
        **{name: rules.table1.input[name] for name in rules.table1.input.keys()},
        histories=expand("<results>/{dataset}/search/{method}.parquet", dataset=config["datasets"], method=SEARCHES),
        known=expand("<results>/{dataset}/energy_model/known.json", dataset=config["datasets"] if SEARCHES else []),
    output:
        csv=report(
            "<results>/table2.csv",
            caption="../lcom/report/captions/table2.rst",
            category="Tables",
            labels={"table": "2: seconds for a structure"},
        ),
        md="<results>/table2.md",
        svg=report(
            "<results>/figures/table2.svg",
            caption="../lcom/report/captions/seconds.rst",
            category="Figures",
            labels={"figure": "of Table 2: energy against seconds"},
        ),
        png="<results>/figures/table2.png",
        success=report(
            "<results>/figures/success.svg",
            caption="../lcom/report/captions/success.rst",
            category="Figures",
            labels={"figure": "of Table 2: right structures against seconds"},
        ),
        success_png="<results>/figures/success.png",
    log:
        "<logs>/table2.log",
    conda:
        "../envs/report.yaml"
    resources:
        **on_cpu(minutes=30, mb=2000),
    params:
        config=TABLES,
        compounds=digest(list(COMPOUNDS)),
        results=subpath(output.csv, parent=True),
        code=code("table2"),
    shell:
        stage(
            "table2",
            "--config {params.config:q} --compounds {input.compounds:q}",
            "--results {params.results} --csv {output.csv} --md {output.md} --figure {output.svg} --png {output.png}",
            "--success {output.success} --success-png {output.success_png}",
        )


PATHS = config["figures"]
SURROGATE = "<results>/{dataset}/surrogate/{method}{tau}.safetensors"
PATH = "<results>/{dataset}/path/{method}{tau}"
PATH_PARTS = parts_of(list(COMPOUNDS), PER_JOB, PATH_COMPOUNDS)  # that have their references
STEPS = sorted({0, *PATHS["steps"]})
TAUS = ["" if tau == config["surrogate"]["tau"] else f"-tau{float(tau)!r}" for tau in sorted(set(PATHS["taus"]))]
SERIES = {  # surrogates that a figure compares: method and tau, as in the names of the files
    "figure2": ["lcoms", "sl"],
    "figure4": [*(f"lcoms{tau}" for tau in TAUS), "sl"],
}


# here the method is a surrogate
use rule optimise as optimise_path with:
    input:
        model="<results>/{dataset}/cdvae/model.safetensors",
        surrogate=SURROGATE,
        latents="<results>/{dataset}/latents.safetensors",
        starts=lambda w: initial(PATHS["start"], w.dataset, PATH_COMPOUNDS),
    output:
        path=f"{PATH}.safetensors",
        timing=f"{PATH}.json",
    log:
        "<logs>/optimise_path/{dataset}-{method}{tau}.log",
    wildcard_constraints:
        method="lcoms|sl",
    params:
        config=canonical(
            {key: config["optimise"][key] for key in ("step_size", "encoding")}
            | {"stop": "last", "steps": max(1, *STEPS)}
        ),
        only=f"--only {' '.join(PATH_COMPOUNDS)}",


# what the descent passes, decoded at some of its steps
use rule decode as decode_path with:
    input:
        model="<results>/{dataset}/cdvae/model.safetensors",
        optimised=f"{PATH}.safetensors",
        chooser=path_chooser,
    output:
        candidates=expand(
            "<results>/{{dataset}}/path/{{method}}{{tau}}/{start}.{kind}", start=PATHS["start"], kind=["extxyz", "cif"]
        ),
        timing=f"{PATH}/timing.json",
    log:
        "<logs>/decode_path/{dataset}-{method}{tau}.log",
    wildcard_constraints:
        method="lcoms|sl",
    params:
        config=path_decoding,
        steps=["--steps", *STEPS],


use rule energy as energy_path with:
    input:
        f"{PATH}/{{start}}.extxyz",
    output:
        "<results>/{dataset}/energies/path/{method}{tau}/{start}.jsonl",
    log:
        "<logs>/energy_path/{dataset}-{method}{tau}-{start}.log",
    wildcard_constraints:
        method="lcoms|sl",
    threads: side_by_side(len({name for names in SERIES.values() for name in names}), len(STEPS) * len(SEEDS))
    params:
        only=PATH_COMPOUNDS,


rule path_figure:
    """Figures 2 (LCOMs beside SL) and 4 (how conservative LCOMs are)."""
    input:
        references=expand("<results>/reference/{part}.jsonl", part=PATH_PARTS),
        candidates=path_files("<results>/{dataset}/path/{series}/{start}.extxyz"),
        energies=path_files("<results>/{dataset}/energies/path/{series}/{start}.jsonl"),
    output:
        csv="<results>/figures/{figure}.csv",
        svg=report(
            "<results>/figures/{figure}.svg",
            caption="../lcom/report/captions/descent.rst",
            category="Figures",
            labels={"figure": "{figure}: along the descent"},
        ),
        png="<results>/figures/{figure}.png",
    log:
        "<logs>/{figure}.log",
    wildcard_constraints:
        figure="|".join(SERIES),
    conda:
        "../envs/report.yaml"
    resources:
        **on_cpu(minutes=30, mb=2000),
    params:
        config=lambda w: canonical(
            {
                "datasets": config["datasets"],
                "compounds": PATH_COMPOUNDS,
                "seeds": len(SEEDS),
                "start": PATHS["start"],
                "steps": STEPS,
                "series": SERIES[w.figure],
                "tau": config["surrogate"]["tau"],
                "references": PATH_PARTS,
            }
        ),
        results=subpath(output.csv, ancestor=2),
        code=code("path_figure"),
    shell:
        stage(
            "path_figure",
            "--config {params.config:q} --results {params.results}",
            "--csv {output.csv} --figure {output.svg} --png {output.png}",
        )


rule figure3:
    """What each compound gains from the descent, with and without conservatism: those of Table 1, and compositions not trained on."""
    input:
        table=rules.table1.output.csv,
        unseen=expand("<results>/{dataset}/unseen.csv", dataset=config["datasets"] if PATHS["unseen"] else []),
    output:
        svg=report(
            "<results>/figures/figure3.svg",
            caption="../lcom/report/captions/figure3.rst",
            category="Figures",
            labels={"figure": "3: gains over the start"},
        ),
        png="<results>/figures/figure3.png",
    log:
        "<logs>/figure3.log",
    conda:
        "../envs/report.yaml"
    resources:
        **on_cpu(minutes=30, mb=2000),
    params:
        code=code("gain_figure"),
    shell:
        stage(
            "gain_figure",
            "--table {input.table} --unseen {input.unseen} --figure {output.svg} --png {output.png}",
        )
