"""The config, checked before anything else; names used by all rules; the checks before the first job."""


def stop(problem, *lines):
    raise WorkflowError("\n  ".join([problem, *lines]))


if problems := config_problems(config, yaml.safe_load((ROOT / "config" / "schema.yaml").read_text(encoding="utf-8"))):
    stop("The config is not valid (config/schema.yaml explains every key):", *problems)

KNOWN = sorted(name for name, entry in config["data"].items() if isinstance(entry, dict))
if unknown := sorted(set(config["datasets"]) - set(KNOWN)):
    stop(f"datasets: unknown data set {', '.join(unknown)}; `data` in the config has {', '.join(KNOWN)}")

R = config["results"]
TABLE = config["compounds"]
SEEDS = range(config["seeds"])
METHODS = ["lcoms", "sl", "cdvae"]
STARTS = ["relaxed", "dataset"]

try:
    COMPOUNDS = {compound.formula: compound for compound in load_compounds(TABLE, config["only"])}
    parse_settings(RandomSettings, config["initial"], "initial")
    for compound in COMPOUNDS.values():
        parse_settings(DftSettings, config["dft"], "dft").check(compound.formula, compound.numbers)
except (ValueError, FileNotFoundError) as error:
    stop(str(error))
ROWS = compound_rows(Path(TABLE))


wildcard_constraints:
    dataset="|".join(config["datasets"]),
    compound="|".join(COMPOUNDS),
    seed="[0-9]+",
    method="|".join(METHODS),
    start="|".join(STARTS),


def section(name):
    """A section of the config as the text a stage gets; an edit of it reruns the stage."""
    return canonical(config[name])


def code(stage):
    """Digest of the code a stage can reach; an edit of that reruns the stage, a comment doesn't."""
    return code_digest(stage, ROOT)


def every(pattern, **wildcards):
    """The pattern for every compound and seed of this run, and for each of the other wildcards given."""
    return expand(pattern, compound=COMPOUNDS, seed=SEEDS, **wildcards)


# auto takes a CUDA device if there is one; `--resources gpu=0` keeps to the CPU
DEVICE = "--device $([ {resources.gpu} -gt 0 ] && echo auto || echo cpu)"
DFT_RULES = {"relax_initial", "reference", "energy", "energy_start", "energy_dataset"}


def check_gpaw_is_there():
    """Stop now, and not in hours, if a DFT job is to run in this environment and GPAW or a PAW setup is missing."""
    own_environments = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
    waiting = {job.rule.name for job in workflow.dag.needrun_jobs()}
    if own_environments or DFT_RULES.isdisjoint(waiting):
        return
    elements = sorted({SYMBOLS[z] for compound in COMPOUNDS.values() for z in compound.numbers})
    try:
        check_gpaw(elements, config["dft"]["xc"])
    except RuntimeError as error:
        stop(str(error))


onstart:
    try:
        RUNNING = hold_lock(Path(".snakemake", "lcom", "running"))
    except BlockingIOError:
        stop("Another snakemake run is at work in this folder: wait until it ends, or use a second clone.")
    check_gpaw_is_there()
