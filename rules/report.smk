"""Tables 1 and 2, and Figures 2 to 4 of the paper: energies along the descent, what each compound gains, and what conservatism does."""

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
            method=DESCENTS,
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


PATHS = config["figures"]
PATH = f"{R}/{{dataset}}/path/{{method}}{{tau}}"
STEPS = sorted({0, *PATHS["steps"]})
TAUS = ["" if tau == config["surrogate"]["tau"] else f"-tau{float(tau)!r}" for tau in sorted(set(PATHS["taus"]))]
SERIES = {  # surrogates that a figure compares: method and tau, as in the names of the files
    "figure2": ["lcoms", "sl"],
    "figure4": [*(f"lcoms{tau}" for tau in TAUS), "sl"],
}


use rule optimise as optimise_path with:
    input:
        model=f"{R}/{{dataset}}/cdvae/model.safetensors",
        surrogate=surrogate_of,
        latents=f"{R}/{{dataset}}/latents.safetensors",
        starts=expand(
            (
                f"{R}/initial/{{compound}}-{{seed}}.extxyz"
                if PATHS["start"] == "relaxed"
                else f"{R}/{{{{dataset}}}}/initial/{{compound}}-{{seed}}.extxyz"
            ),
            compound=PATH_COMPOUNDS,
            seed=SEEDS,
        ),
    output:
        path=f"{PATH}.safetensors",
        timing=f"{PATH}.json",
    log:
        f"{R}/logs/optimise_path/{{dataset}}-{{method}}{{tau}}.log",
    benchmark:
        f"{R}/benchmarks/optimise_path/{{dataset}}-{{method}}{{tau}}.tsv"
    params:
        config=canonical({"step_size": config["optimise"]["step_size"], "stop": "last", "steps": max(1, *STEPS)}),
        surrogate=surrogate_option,
        code=code("optimise"),


rule decode_path:
    """What the descent passes, decoded at some of its steps."""
    input:
        model=f"{R}/{{dataset}}/cdvae/model.safetensors",
        optimised=f"{PATH}.safetensors",
        surrogate=surrogate_of,
    output:
        candidates=expand(
            f"{R}/{{{{dataset}}}}/path/{{{{method}}}}{{{{tau}}}}/{PATHS['start']}/{{compound}}-{{seed}}-{{step}}.{{kind}}",
            compound=PATH_COMPOUNDS,
            seed=SEEDS,
            step=STEPS,
            kind=["extxyz", "cif"],
        ),
        timing=f"{PATH}/timing.json",
    log:
        f"{R}/logs/decode_path/{{dataset}}-{{method}}{{tau}}.log",
    benchmark:
        f"{R}/benchmarks/decode_path/{{dataset}}-{{method}}{{tau}}.tsv"
    priority: 100
    conda:
        "../envs/ml.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=1,
    params:
        config=section("decode"),
        surrogate=surrogate_option,
        folder=subpath(output.timing, parent=True),
        steps=STEPS,
        code=code("decode"),
    shell:
        "python -m lcom.stages.decode --model {input.model} --optimised {input.optimised} {params.surrogate} "
        "--config {params.config:q} --steps {params.steps} "
        f"--out-dir {{params.folder}} --timing {{output.timing}} {DEVICE} > {{log}} 2>&1"


use rule energy as energy_path with:
    input:
        f"{PATH}/{{start}}/{{compound}}-{{seed}}-{{step}}.extxyz",
    output:
        f"{R}/{{dataset}}/energies/path/{{method}}{{tau}}/{{start}}/{{compound}}-{{seed}}-{{step}}.json",
    log:
        f"{R}/logs/energy_path/{{dataset}}-{{method}}{{tau}}-{{start}}-{{compound}}-{{seed}}-{{step}}.log",
    benchmark:
        f"{R}/benchmarks/energy_path/{{dataset}}-{{method}}{{tau}}-{{start}}-{{compound}}-{{seed}}-{{step}}.tsv"


rule path_figure:
    """Figures 2 (LCOMs beside SL) and 4 (how conservative LCOMs are)."""
    input:
        references=expand(f"{R}/reference/{{compound}}.json", compound=PATH_COMPOUNDS),
        candidates=path_files(f"{R}/{{dataset}}/path/{{series}}/{{start}}/{{compound}}-{{seed}}-{{step}}.extxyz"),
        energies=path_files(f"{R}/{{dataset}}/energies/path/{{series}}/{{start}}/{{compound}}-{{seed}}-{{step}}.json"),
    output:
        csv=f"{R}/figures/{{figure}}.csv",
        svg=f"{R}/figures/{{figure}}.svg",
        png=f"{R}/figures/{{figure}}.png",
    log:
        f"{R}/logs/{{figure}}.log",
    benchmark:
        f"{R}/benchmarks/{{figure}}.tsv"
    wildcard_constraints:
        figure="|".join(SERIES),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
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
            }
        ),
        results=subpath(output.csv, ancestor=2),
        code=code("path_figure"),
    shell:
        "python -m lcom.stages.path_figure --config {params.config:q} --results {params.results} "
        "--csv {output.csv} --figure {output.svg} --png {output.png} > {log} 2>&1"


rule figure3:
    """What each compound gains from the descent, with and without conservatism; all of it is in Table 1."""
    input:
        rules.table1.output.csv,
    output:
        svg=f"{R}/figures/figure3.svg",
        png=f"{R}/figures/figure3.png",
    log:
        f"{R}/logs/figure3.log",
    benchmark:
        f"{R}/benchmarks/figure3.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code("gain_figure"),
    shell:
        "python -m lcom.stages.gain_figure --table {input} --figure {output.svg} --png {output.png} > {log} 2>&1"
