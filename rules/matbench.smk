"""The energy model on MatBench's official folds: a record for its leaderboard. Nothing asks for it but its own name."""

FOLDED = [name for name, source in CONFIG.data.sources.items() if source.kind == "matbench"]
FOLDS = range(5)  # of MatBench 0.1
FOLD_PARTS = ["train", "val", "test"]


rule matbench_folds:
    """The rows of the file as the folds' training, validation and test sets."""
    input:
        lambda w: ("data/raw/{dataset}/complete.json" if downloaded(w.dataset) else source_file(w.dataset)),
    output:
        expand("<results>/{{dataset}}/record/{fold}/{part}.safetensors", fold=FOLDS, part=FOLD_PARTS),
    log:
        "<logs>/matbench_folds/{dataset}.log",
    wildcard_constraints:
        dataset=any_of(FOLDED),
    conda:
        "../envs/matbench.yaml"
    resources:
        **on_cpu(minutes=60, mb=4000),
    params:
        file=lambda w: source_file(w.dataset),
        config=canonical({key: config["data"][key] for key in ("val_fraction", "seed")}),
        max_atoms=config["data"]["max_atoms"],
        code=code("matbench_folds"),
    shell:
        stage(
            "matbench_folds",
            "--input {params.file:q} --config {params.config:q} --max-atoms {params.max_atoms}",
            "--out {output}",
        )


use rule train_energy_model as train_fold with:
    input:
        train="<results>/{dataset}/record/{fold}/train.safetensors",
        val="<results>/{dataset}/record/{fold}/val.safetensors",
        frames=[],
    output:
        model="<results>/{dataset}/record/{fold}/model.safetensors",
        metrics="<results>/{dataset}/record/{fold}/metrics.csv",
    log:
        "<logs>/train_fold/{dataset}-{fold}.log",
    wildcard_constraints:
        dataset=any_of(FOLDED),
        fold="[0-9]+",
    params:
        state=state("train_fold/{dataset}-{fold}"),


rule matbench_predict:
    input:
        model="<results>/{dataset}/record/{fold}/model.safetensors",
        test="<results>/{dataset}/record/{fold}/test.safetensors",
    output:
        "<results>/{dataset}/record/{fold}/energies.json",
    log:
        "<logs>/matbench_predict/{dataset}-{fold}.log",
    wildcard_constraints:
        dataset=any_of(FOLDED),
        fold="[0-9]+",
    conda:
        "../envs/ml.yaml"
    resources:
        **on_gpu(minutes=120),
    params:
        code=code("matbench_predict"),
    shell:
        stage("matbench_predict", "--model {input.model} --test {input.test} --out {output}", DEVICE)


rule matbench_record:
    input:
        tests=expand("<results>/{{dataset}}/record/{fold}/test.safetensors", fold=FOLDS),
        predictions=expand("<results>/{{dataset}}/record/{fold}/energies.json", fold=FOLDS),
    output:
        record="<results>/{dataset}/record.json",
        table="<results>/{dataset}/record.md",
    log:
        "<logs>/matbench_record/{dataset}.log",
    wildcard_constraints:
        dataset=any_of(FOLDED),
    conda:
        "../envs/matbench.yaml"
    resources:
        **on_cpu(minutes=30, mb=4000),
    params:
        config=network("energy_model"),
        max_atoms=config["data"]["max_atoms"],
        code=code("matbench_record"),
    shell:
        stage(
            "matbench_record",
            "--tests {input.tests} --predictions {input.predictions} --config {params.config:q} --max-atoms {params.max_atoms}",
            "--out {output.record} --table {output.table}",
        )
