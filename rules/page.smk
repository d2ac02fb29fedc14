"""The report of a run on one page, of what there is: snakemake --cores 1 -- report"""


rule report:
    input:
        rules.table1.output.csv,
        made_already,
    output:
        report(
            "<results>/report.html",
            caption="../lcom/report/captions/report.rst",
            category="Report",
            labels={"what": "the whole run on one page"},
        ),
    log:
        "<logs>/report.log",
    conda:
        "../envs/report.yaml"
    resources:
        **on_cpu(minutes=30, mb=2000),
    params:
        config=TABLES,
        results=subpath(output[0], parent=True),
        code=code("report"),
    shell:
        stage(
            "report",
            "--config {params.config:q} --results {params.results} --out {output}",
        )
