"""The report of a run on one page, of what there is: snakemake --cores 1 -- report"""


def made_already(wildcards):
    """What the page shows beside Table 1, as far as the run has made it: it costs no search and no figure that nobody asked for."""
    figures = [f"{R}/figures/{name}.svg" for name in ("table2", "figure2", "figure3", "figure4")]
    of_data = ("data_report.md", "data_report.png", "cdvae/metrics.csv", "energy_model/metrics.csv")
    of_data += ("surrogate/lcoms.csv", "surrogate/sl.csv")
    files = [f"{R}/table2.md", *figures, *expand(f"{R}/{{dataset}}/{{file}}", dataset=config["datasets"], file=of_data)]
    return [file for file in files if Path(file).is_file()]


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
