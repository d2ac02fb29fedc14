"""From a table of compounds to Table 1. The stages are in rules/, one file a phase; what they run is in lcom/."""

import hashlib
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod
from snakemake.utils import min_version

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT))

from lcom.base.parts import part_size, parts, parts_of, relaxations_size
from lcom.base.settings import SettingsError, as_dict, parse_settings
from lcom.compounds import load_compounds, parse_formula
from lcom.config import Config
from lcom.dft.gpaw import check_gpaw
from lcom.elements import SYMBOLS
from lcom.report.methods import table_methods
from rules.cluster import RESUMING, STATUS, grown, has_gpu, keeps_accounts, limits, never_started
from rules.common import (
    canonical,
    code_digests,
    compound_rows,
    digest,
    files_digest,
    folder_digest,
    hold_lock,
    jobs_end_with_this,
    prefer_this_python,
    remembered,
    remove_finished,
    retries,
    versioned_digest,
)

min_version("9.20")  # path variables, in input functions too


configfile: "config.yaml"


prefer_this_python()
jobs_end_with_this()


include: "rules/setup.smk"
include: "rules/helpers.smk"
include: "rules/data.smk"
include: "rules/cdvae.smk"
include: "rules/surrogate.smk"
include: "rules/starts.smk"
include: "rules/search.smk"
include: "rules/dft.smk"
include: "rules/unseen.smk"
include: "rules/report.smk"
include: "rules/judge.smk"
include: "rules/page.smk"
include: "rules/prediction.smk"
include: "rules/networks.smk"
include: "rules/matbench.smk"
include: "rules/checks.smk"


# the seconds and the memory of every job, in a file named as its log is
for stage_rule in workflow.rules:
    stage_rule.benchmark_modifier = stage_rule.log_modifier
    for log in stage_rule.log:
        stage_rule.benchmark = f"{R}/benchmarks/{log.removeprefix(f'{R}/logs/').removesuffix('.log')}.tsv"


rule all:
    default_target: True
    input:
        rules.table1.output,
        rules.table2.output,
        rules.table1_relaxed.output if "relaxed" in CONFIG.judges else [],
        rules.figure3.output if {"lcoms", "sl"} & {*DESCENTS} else [],
        expand(rules.path_figure.output, figure=list(SERIES) if PATH_COMPOUNDS else []),
