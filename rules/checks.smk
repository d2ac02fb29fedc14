"""What is checked before the first job, and what is done before and after all of them."""


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


RESUMED = {
    "train_cdvae",
    "train_energy_model",
    "train_fold",
    "search",
    "dft_pso",
}  # those with GPAW count their attempts (on_gpaw)


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
