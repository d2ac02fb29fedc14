"""What rules say of their inputs, params, resources and commands, once for all of them."""


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


def weights(name):
    """The digest of the weights that a training begins from."""
    begun = config[name]["training"]["begin"] == "shipped"
    return lambda wildcards, input: CARD["files"][f"{name}/model.safetensors"]["sha256"] if begun else ""


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


def last_attempt(wildcards, attempt):
    """Whether a GPAW that dies is to be recorded as a failure: there is no further attempt."""
    return int(attempt > RETRIES)


def on_gpaw(minutes, each, members, mb=1000):
    """The resources of a job with GPAW by the atoms of its largest crystal: memory, and time for one hard case and, so many minutes each,
    for all others that its part has; and whether it is the last attempt. members: the parts.
    """
    others = each * IN_PART * len(SEEDS)
    return {
        "mem_mb": lambda wildcards, threads, attempt: threads * grown(mb, attempt, atoms(wildcards, members)),
        "runtime": lambda wildcards, threads, attempt: (
            grown(minutes, attempt, atoms(wildcards, members)) + others // threads
        ),
        "last": last_attempt,
    }


def side_by_side(jobs, tasks, cores=CORES):
    """Threads of each of so many jobs, each with so many calculations on a thread: one, unless cores would be idle."""
    return max(1, min(tasks, cores // max(1, jobs)))


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


def chooser(column, dataset, tau=""):
    """The network by which a column chooses among its decodings, if it does."""
    files = {"latent": [], "energy_model": f"{R}/{dataset}/energy_model/model.safetensors"}
    return files.get(column.choice, f"{R}/{dataset}/surrogate/{column.surrogate}{tau}.safetensors")


def chooser_of(wildcards):
    return chooser(METHODS[wildcards.method], wildcards.dataset)


def unseen_chooser(wildcards):
    return chooser(unseen_column(wildcards.method), wildcards.dataset)


def path_chooser(wildcards):
    return chooser(CONFIG.methods.descent_on(wildcards.method), wildcards.dataset, wildcards.tau)


def model_of(wildcards):
    """The energy model, where it and not a surrogate chooses."""
    return chooser_of(wildcards) if METHODS[wildcards.method].choice == "energy_model" else []


def surrogate_option(wildcards, input):
    return f"--surrogate {input.surrogate}" if input.surrogate else ""


def chooser_option(wildcards, input):
    return f"--chooser {input.chooser}" if input.chooser else ""


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
            "order": list(METHODS),  # which the text of a mapping loses
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


def unseen_column(method):
    """The column that stands for descents on a surrogate; choice: that of LCOMs without a step."""
    if method == "choice":
        return replace(CONFIG.methods.descent_on("lcoms"), steps=0)
    return CONFIG.methods.descent_on(method)


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
