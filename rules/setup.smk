"""The config, checked before anything else; names used by all rules; the checks before the first job."""


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
HALF = max(1, min(4, CORES // 2))  # for trainings and searches: the relaxations, which run beside them, have the others


def table_file(wildcards, input):
    """The table of compounds. Rules depend on rows of it, which are other params; Snakemake compares none that takes `input`."""
    return TABLE


def heldout_tables(wildcards, input):
    """The further tables; the rule depends on their formulas, HELDOUT."""
    return config["data"]["heldout_tables"]


def section(name):
    """A section of the config as the text a stage gets; an edit of it reruns the stage."""
    return canonical(config[name])


def network(name):
    """The section of a network that is trained, without the time between checkpoints, which changes nothing."""
    training = {key: value for key, value in config[name]["training"].items() if key != "checkpoint_minutes"}
    return canonical(config[name] | {"training": training})


def checkpoint_minutes(name):
    return lambda wildcards, input: config[name]["training"]["checkpoint_minutes"]


def descent(wildcards):
    """The descent of a column on a data set."""
    return descent_of(METHODS[wildcards.method], wildcards.dataset)


def descent_of(method, dataset):
    """The same as the text a stage gets, without what such a descent does not use."""
    kept = as_dict(CONFIG.optimise.of(method, dataset))
    unused = [] if method.steps else ["stop", "step_size"]
    unused += ["encoding"] if method.latent == "prior" else []
    return canonical({key: value for key, value in kept.items() if key not in unused})


def decoding(wildcards):
    """How a column decodes."""
    return decoding_of(METHODS[wildcards.method])


def decoding_of(method):
    return canonical(as_dict(method.decoding(CONFIG.decode)))


def starts(wildcards):
    """What a column begins from; for one that begins from nothing the swapped crystals, of which it needs the atoms alone."""
    kinds = ["dataset"] if wildcards.method in PRIORS else STARTS
    return [file for kind in kinds for file in initial(kind, wildcards.dataset, COMPOUNDS)]


def sizes(formulas):
    """Of the rows of the table all that a stage looks at which knows no ground state: formulas and numbers of atoms, in a word."""
    return digest([(formula, COMPOUNDS[formula].n_atoms) for formula in formulas])


def only(wildcards, input):
    """Option of a stage that works on all compounds of the run, which their `sizes` follow."""
    return f"--only {' '.join(CONFIG.only)}" if CONFIG.only else ""


def surrogate_settings(wildcards):
    """Section `surrogate`, for SL without what is of conservatism alone."""
    conservative = ("tau", "alpha", "alpha_lr") if wildcards.method == "sl" else ()
    kept = {key: value for key, value in config["surrogate"].items() if key not in conservative}
    if wildcards.tau:
        kept["tau"] = float(wildcards.tau.removeprefix("-tau"))
    return canonical(kept)


# section `dft` without how the work is divided
LEVEL = {key: value for key, value in config["dft"].items() if key not in ("per_job", "cache")}
# what was calculated once is not calculated again; it outlives the run, or not
CACHE = {"": f"{R}/.cache", "none": f"{R}/.state/dft"}.get(config["dft"]["cache"], config["dft"]["cache"])


def cache(wildcards, input):
    return CACHE


def dft_of_the_swarm():
    """Section `dft` without what DFT-PSO does not use: its k-points are those of relaxations, and it may relax nothing."""
    kept = {key: value for key, value in LEVEL.items() if key != "kpoint_density"}
    if not config["search"]["dft_pso"]["relax"]:
        kept["relax"] = {"kpoint_density": kept["relax"]["kpoint_density"]}
    return kept


# each rule has an environment of its own
CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method


def code(stage):
    """Digest of the code a stage can reach and the versions of its packages; an edit of that reruns the stage, a comment doesn't."""
    return versioned_digest(CODE[f"lcom.stages.{stage}"], ROOT, CONDA)


# of what calculates an energy or a relaxation: what was calculated by another one is not taken
ENERGY_CODE = versioned_digest(CODE["lcom.dft.gpaw"], ROOT, CONDA)
RELAX_CODE = versioned_digest(CODE["lcom.dft.relax"], ROOT, CONDA)


def stage(name, *options):
    """The command of a stage, whose log has all that it says."""
    return " ".join(["python -m", f"lcom.stages.{name}", *options, "> {log} 2>&1"])


def state(pattern):
    """Where a stage leaves what it goes on from after a kill: no output, which Snakemake would remove."""
    return f"{R}/.state/{pattern}"


def on_cpu(minutes, mb=1000):
    """The resources of a job on a core; more of them are said by `threads`. A further attempt gets more memory."""
    return {"mem_mb": lambda wildcards, attempt: grown(mb, attempt), "runtime": minutes}


RETRIES = retries(getattr(workflow.execution_settings, "retries", 0))


def on_gpaw(minutes, each, members, mb=1000):
    """The resources of a job with GPAW by the atoms of its largest crystal: memory, and time for one hard case and, so many minutes each,
    for all others that its part has; and whether it is the last attempt, which records a GPAW that died as a failure. members: the parts.
    """
    others = each * IN_PART * len(SEEDS)
    return {
        "mem_mb": lambda wildcards, threads, attempt: threads * grown(mb, attempt, atoms(wildcards, members)),
        "runtime": lambda wildcards, threads, attempt: (
            grown(minutes, attempt, atoms(wildcards, members)) + others // threads
        ),
        "last": lambda wildcards, attempt: int(attempt > RETRIES),
    }


def side_by_side(jobs, tasks):
    """Threads of each of so many jobs, each with so many calculations on a thread: one, unless cores would be idle."""
    return max(1, min(tasks, CORES // max(1, jobs)))


def atoms(wildcards, members):
    """Of the largest cell of a job's compounds; of a prediction's, the largest that there may be."""
    if "formula" in wildcards.keys():
        return config["data"]["max_atoms"]
    return max(COMPOUNDS[name].n_atoms for name in members.get(wildcards.get("part"), COMPOUNDS))


def on_gpu(minutes, gpus=1, mb=4000):
    """The resources of a job on a GPU if there is one; DEVICE tells its stage."""
    return on_cpu(minutes, mb) | {"gpu": gpus}


def downloaded(dataset):
    return bool(CONFIG.data.sources[dataset].url and not CONFIG.data.sources[dataset].file)


def source_file(dataset):
    """What a source reads: the file of the config, or what was downloaded, a file or folder for each address; of a union, the
    crystals of its data sets."""
    entry = CONFIG.data.sources[dataset]
    if entry.file or entry.kind == "shipped":
        return entry.file
    if entry.of:
        return [f"{R}/{name}/crystals.parquet" for name in entry.of]
    address = entry.url.split()[0]  # another mirror goes on with the same file
    return f"data/raw/{dataset}/{hashlib.sha256(address.encode()).hexdigest()[:12]}"


def frame_sets(dataset):
    """Level of theory -> folder, of the embedded sets with crystals off the minima that a data set is or has."""
    sources = CONFIG.data.sources
    return {
        sources[name].level or name: sources[name].file
        for name in sources[dataset].of or [dataset]
        if sources[name].kind == "embedded" and Path(sources[name].file).is_dir()
    }


def frames_of(wildcards):
    if not frame_sets(wildcards.dataset):
        return []
    return expand("<results>/{dataset}/frames/{part}.safetensors", dataset=wildcards.dataset, part=["train", "val"])


def frames_option(wildcards, input):
    return f"--frames {input.frames}" if input.frames else ""


def surrogate_of(wildcards):
    """The surrogate of a column that has one."""
    name = METHODS[wildcards.method].surrogate
    return [] if name == "none" else f"{R}/{wildcards.dataset}/surrogate/{name}.safetensors"


def chooser_of(wildcards):
    """The surrogate by which a column chooses among its decodings, if it does."""
    return surrogate_of(wildcards) if METHODS[wildcards.method].choice == "energy" else []


def surrogate_option(wildcards, input):
    return f"--surrogate {input.surrogate}" if input.surrogate else ""


def every_column(pattern):
    """The pattern for every column of this run that belongs to a data set, and the parts of its compounds."""
    return [
        file
        for name in [*METHODS, *SEARCHES]
        for file in expand(pattern, dataset=config["datasets"], method=name, start=COLUMNS[name].starts, part=PARTS)
    ]


def table_settings(judge="found"):
    """What the tables cover, as the text that their stages get."""
    return canonical(
        {
            "datasets": config["datasets"],
            "seeds": len(SEEDS),
            "only": CONFIG.only,
            "per_job": PER_JOB,
            "searches": SEARCHES,
            "dft_pso": DFT_PSO,
            "starts": STARTS,
            "columns": config["methods"],
            "judge": judge,
        }
    )


def all_candidates(wildcards):
    """The files of all columns of a data set, with the starts and what DFT-PSO found, that have compounds of a part."""
    compounds = PARTS[wildcards.part]
    return [
        *(file for kind in STARTS for file in initial(kind, wildcards.dataset, compounds)),
        *(f"{R}/candidates/dft_pso/{part}.extxyz" for part, own in PSO_PARTS.items() if {*own} & {*compounds}),
        *(
            f"{R}/{wildcards.dataset}/candidates/{name}/{start}.extxyz"
            for name in [*METHODS, *SEARCHES]
            for start in COLUMNS[name].starts
        ),
    ]


def path_files(pattern):
    """The pattern for every surrogate that a figure compares."""
    return lambda wildcards: expand(
        pattern, dataset=config["datasets"], series=SERIES[wildcards.figure], start=PATHS["start"]
    )


def path_decoding(wildcards):
    """As the column of the surrogate decodes."""
    return decoding_of(CONFIG.methods.descent_on(wildcards.method))


def training_crystals(wildcards):
    """What a prediction begins from; stops at once, and not after hours, at a formula that GPAW will not be asked about."""
    try:
        elements = list(parse_formula(wildcards.formula))
        CONFIG.dft.check(wildcards.formula, elements)
    except ValueError as error:
        stop(str(error))
    return f"{R}/{wildcards.dataset}/train.safetensors"


def made_already(wildcards):
    """What the page shows beside Table 1, as far as the run has made it: it costs no search and no figure that nobody asked for."""
    figures = expand(
        "{results}/figures/{name}.svg", results=R, name=["table2", "success", "figure2", "figure3", "figure4"]
    )
    of_data = ("data_report.md", "data_report.png", "cdvae/metrics.csv", "energy_model/metrics.csv")
    of_data += ("surrogate/lcoms.csv", "surrogate/sl.csv")
    files = expand("{results}/{dataset}/{file}", results=R, dataset=config["datasets"], file=of_data)
    files += [*figures, *expand("{results}/table2.md", results=R)]
    return [file for file in files if Path(file).is_file()]


# auto takes a CUDA device if there is one; `--resources gpu=0` keeps to the CPU. A job of a cluster that was given a GPU and finds none
# would take a day of CPU time in silence: it has to be there
DEVICE = "--device $([ {resources.gpu} -gt 0 ] && echo ${{LCOM_DEVICE:-auto}} || echo cpu)"
if workflow.remote_exec:
    os.environ.setdefault("LCOM_DEVICE", "cuda")


def check_gpaw_is_there():
    """Stop now, and not in hours, if a DFT job is to run in this environment and GPAW or a PAW setup is missing."""
    waiting = [job for job in workflow.dag.needrun_jobs() if Path(str(job.rule.conda_env)).name == "dft.yaml"]
    if CONDA or not waiting:
        return
    elements = {z for compound in COMPOUNDS.values() for z in compound.numbers.tolist()}
    elements |= {
        z for job in waiting if "formula" in job.wildcards.keys() for z in parse_formula(job.wildcards.formula)
    }
    try:
        check_gpaw(sorted(SYMBOLS[z] for z in elements), config["dft"]["xc"])
    except RuntimeError as error:
        stop(str(error))


RESUMED = {"train_cdvae", "train_energy_model", "search", "dft_pso"}  # those with GPAW count their attempts (on_gpaw)


def prepare_cluster():
    """Before the first job is submitted: who is asked about jobs, how often what resumes is begun again, what could never start."""
    settings = workflow.executor_settings
    if getattr(settings, "status_command", None) == "sacct" and not keeps_accounts():
        settings.status_command = STATUS
    for one in workflow.rules:
        if one.name in RESUMED:
            one.restart_times = max(RETRIES, RESUMING)
    jobs = ((job.rule.name, {**job.resources, "threads": job.threads}) for job in workflow.dag.needrun_jobs())
    local = {one.name for one in workflow.rules if workflow.is_local(one)}
    problem = never_started(
        (job for job in jobs if job[0] not in local), limits(getattr(settings, "partition_config", None))
    )
    if problem:
        stop(problem)


onstart:
    try:
        hold_lock(Path(R, ".running"))
    except ValueError as error:
        stop(
            f"Another snakemake run is at work on {R}: wait until it ends, or give one of them other `results:`. ({error})"
        )
    check_gpaw_is_there()
    if not workflow.local_exec:
        prepare_cluster()
    # Snakemake 9.27 keeps a limit to the rate of jobs by looking at all waiting jobs once a second, and once more a second for
    # every job that has ended: half a core after 150 energies. Local jobs need no such limit.
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


onsuccess:
    remove_finished(Path(R, ".state"))
    if config["dft"]["cache"] == "none":
        shutil.rmtree(CACHE, ignore_errors=True)
