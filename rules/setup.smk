"""The config, checked before anything else, and the names that all rules use."""


def stop(problem, *lines):
    raise WorkflowError("\n  ".join([problem, *lines]))


try:
    CONFIG = parse_settings(Config, config)
except SettingsError as error:
    stop("The config is not valid (docs/config.md has every key):", *error.lines)
config.update(as_dict(CONFIG))  # from here on every key is there, and 1 is 1.0 where a number may have decimals

R = config["results"]
TABLE = config["compounds"]
SEEDS = range(config["seeds"])
METHODS = CONFIG.methods.columns
COLUMNS = table_methods(METHODS, CONFIG.starts)  # and what each starts from
DESCENTS = [name for name, method in METHODS.items() if method.kind == "descent"]  # in latent space
PRIORS = [name for name in DESCENTS if METHODS[name].latent == "prior"]  # from nothing
ANALOGUES = [name for name, method in METHODS.items() if method.kind == "analogue"]
MANY = [name for name, method in METHODS.items() if method.kind == "many"]
MLPS = [name for name, method in METHODS.items() if method.kind == "mlp"]
STARTS = config["starts"]
SEARCHES = config["search"]["methods"]  # over structures, from nothing; their "start" is called search
SEARCH_KEYS = {
    method: ["evaluations", "space", *keys] for method, keys in [("ras", []), ("pso", ["pso"]), ("bo", ["bo"])]
}

KEPT = Path(".snakemake/lcom")  # what takes seconds at every start
CODE = remembered(KEPT / "code.json", files_digest(ROOT / "lcom", ROOT / "rules/common.py"), lambda: code_digests(ROOT))


def sound_table():
    """Build every structure of the table, which says whether it is sound: once for a table, its CIFs and the code."""
    load_compounds(TABLE, CONFIG.only)
    for table in CONFIG.data.heldout_tables:
        load_compounds(table)
    return True


try:
    ROWS = compound_rows(Path(TABLE)) if Path(TABLE).is_file() else {}
    tables = [files_digest(Path(table)) for table in (TABLE, *CONFIG.data.heldout_tables) if Path(table).is_file()]
    sound = digest([CODE["lcom.compounds"][0], tables, ROWS, CONFIG.only])
    remembered(KEPT / "compounds.json", sound, sound_table)
    COMPOUNDS = {compound.formula: compound for compound in load_compounds(TABLE, CONFIG.only, build=False)}
    for compound in COMPOUNDS.values():
        CONFIG.dft.check(compound.formula, compound.numbers)
    FURTHER = {
        compound.formula for table in CONFIG.data.heldout_tables for compound in load_compounds(table, build=False)
    }
except (ValueError, FileNotFoundError) as error:
    stop(str(error))
# what the split depends on; where whole formulas are held out it is the same whichever table is the run's
HELDOUT = sorted(FURTHER | set(ROWS)) if config["holdout"] == "formula" else [sorted(FURTHER), ROWS]
if unknown := sorted(set(CONFIG.search.dft_pso.compounds) - set(ROWS)):
    stop(f"search.dft_pso.compounds: {', '.join(unknown)} not in {TABLE}, which has {', '.join(ROWS)}")
DFT_PSO = [formula for formula in COMPOUNDS if formula in CONFIG.search.dft_pso.compounds]
PATH_COMPOUNDS = [formula for formula in COMPOUNDS if formula in config["figures"]["compounds"]]

# A job calculates the energies of a part of the compounds. Their relaxations, and DFT-PSO, have smaller ones.
PER_JOB = part_size(config["dft"]["per_job"], len(COMPOUNDS))
PARTS = parts(list(COMPOUNDS), PER_JOB)
IN_PART = min(PER_JOB, len(COMPOUNDS))
RELAX_PARTS = parts(list(COMPOUNDS), relaxations_size(PER_JOB))
PSO_PARTS = parts(DFT_PSO, relaxations_size(PER_JOB))


def any_of(names):
    """A wildcard that is one of these."""
    return "|".join(names) or "(?!)"


wildcard_constraints:
    dataset=any_of(CONFIG.all_datasets),
    method=any_of([*METHODS, *SEARCHES]),
    start="relaxed|dataset|none|search",
    part="[0-9]+",
    rank="[1-9][0-9]*",
    formula="[^/-]+",  # wider than formulas, so that what is none is told so (training_crystals)
    tau="|-tau[0-9.e+-]+",


# a rule writes "<results>/{dataset}/latents.safetensors", "<logs>/encode/{dataset}.log"
pathvars:
    results=R,
    logs=f"{R}/logs",


def initial(kind, dataset, wanted):
    """The files that have the starts of some compounds: the relaxed ones are of no data set."""
    if kind == "dataset":
        return [f"{R}/{dataset}/initial.extxyz"]
    return [f"{R}/initial/{part}.extxyz" for part in parts_of(list(COMPOUNDS), relaxations_size(PER_JOB), wanted)]


# of this machine, for rules with several threads; a cluster has no such number (profiles/slurm/config.yaml: set-threads), and
# workflow.cores is an error there
CORES = workflow.resource_settings.cores or 1
# a profile's one GPU is to be shared by one job at a time; where there is none, trainings take their cores side by side
GPUS = workflow.global_resources.get("gpu")
if workflow.local_exec and GPUS is not None and GPUS.value and not has_gpu():
    workflow.register_resource("gpu", CORES)
HALF = max(1, min(4, CORES // 2))  # for trainings and searches; relaxations, which run beside them, have the others
