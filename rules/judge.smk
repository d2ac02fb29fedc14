"""Every column judged alike: its structures after a short relaxation by CHGNet, then their energies with GPAW, and Table 1 of these."""


rule relax_candidates:
    input:
        all_candidates,
    output:
        "<results>/{dataset}/chgnet/{part}.extxyz",
    log:
        "<logs>/relax_candidates/{dataset}-{part}.log",
    conda:
        "../envs/data.yaml"
    threads: side_by_side(len(PARTS), COLUMNS_OF_ENERGIES)
    resources:
        **on_cpu(minutes=720, mb=4000),
    params:
        only=lambda w: PARTS[w.part],
        code=code("relax_candidates"),
    shell:
        stage(
            "relax_candidates",
            "--structures {input} --only {params.only} --out {output} --workers {threads}",
        )


use rule energy as energy_judged with:
    input:
        "<results>/{dataset}/chgnet/{part}.extxyz",
    output:
        "<results>/{dataset}/chgnet/{part}.jsonl",
    log:
        "<logs>/energy_judged/{dataset}-{part}.log",
    threads: side_by_side(len(PARTS), COLUMNS_OF_ENERGIES)
    resources:
        **on_gpaw(minutes=60, each=2 * COLUMNS_OF_ENERGIES, members=PARTS),


use rule table1 as table1_relaxed with:
    input:
        **{
            name: rules.table1.input[name]
            for name in ("compounds", "references", "starts", "searches", "timings", "seconds")
        },
        energies=expand("<results>/{dataset}/chgnet/{part}.jsonl", dataset=config["datasets"], part=PARTS),
        dft_pso=expand("<results>/candidates/dft_pso/{part}.extxyz", part=PSO_PARTS),
    output:
        csv="<results>/relaxed/table1.csv",
        md="<results>/relaxed/table1.md",
    log:
        "<logs>/table1_relaxed.log",
    params:
        config=table_settings(judge="relaxed"),
        results=subpath(output.csv, ancestor=2),
