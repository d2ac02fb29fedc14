# make quickstart   Table 1 for four compounds (minutes)
# make report       the run on one page, results/report.html (CONFIG=config/quickstart.yaml: that of the quick start)
# make test         every test
# make docs         the documentation as a site, in site/
# make networks     the networks that come with lcom, trained anew (hours; goes on where it was)
# make faults       kills, full disks, damaged files, 10 000 fuzzed inputs: what comes of each, in results/faults.md
# make audit        known vulnerabilities of the packages, where PyPI can be asked
# make lint         ruff, ty (types), snakefmt, snakemake --lint
#
# PYTHON=python3.12 names another Python, CORES=4 limits the cores, and TORCH_INDEX=https://download.pytorch.org/whl/cpu
# spares a machine without a GPU 2 GB of CUDA libraries. `make clean` removes .venv; results stay,
# and .snakemake, which knows the config that they were made with.

PYTHON ?= python3
CORES ?= all
TORCH_INDEX ?=
CONFIG ?=
SETUP = PYTHON="$(PYTHON)" TORCH_INDEX="$(TORCH_INDEX)" scripts/setup.sh
SNAKEMAKE = .venv/bin/snakemake

.PHONY: help setup quickstart networks report docs test faults audit lint clean
help:
	@sed -n 's/^# \{0,1\}//p' Makefile

setup: .venv/.ready

# made again when a file of requirements changes
.venv/.ready: requirements.txt requirements.lock constraints.txt scripts/setup.sh scripts/gpaw_siteconfig.py
	$(SETUP) requirements.txt
	@touch $@

.venv/.ready-dev: .venv/.ready requirements-dev.txt requirements-dev.lock
	$(SETUP) requirements.txt requirements-dev.txt
	@touch $@

quickstart: .venv/.ready
	$(SNAKEMAKE) --cores $(CORES) --configfile config/quickstart.yaml -- results/quickstart/table1.csv
	@cat results/quickstart/table1.md

report: .venv/.ready
	$(SNAKEMAKE) --cores $(CORES) $(if $(CONFIG),--configfile $(CONFIG)) -- report

networks: .venv/.ready
	$(SNAKEMAKE) --cores $(CORES) --configfile config/networks.yaml -- results/networks/both/shipped/card.json
	cp -R results/networks/both/shipped/. lcom/networks/
	@cat lcom/networks/README.md

test: .venv/.ready-dev
	OMP_NUM_THREADS=1 .venv/bin/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(PYTEST)

docs: .venv/.ready-dev
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --quiet --strict

faults: .venv/.ready-dev
	OMP_NUM_THREADS=1 LCOM_FUZZED=10000 .venv/bin/python -m pytest --numprocesses auto --dist load -p tests.faults.table $(PYTEST)

audit:
	$(PYTHON) -m venv .audit
	.audit/bin/python -m pip install --quiet pip-audit==2.10.1
	.audit/bin/pip-audit --strict --disable-pip --no-deps --requirement requirements.lock --requirement requirements-dev.lock

lint: .venv/.ready-dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/ty check
	.venv/bin/snakefmt --check Snakefile rules
	$(SNAKEMAKE) --lint

clean:
	rm -rf .venv .audit site .pytest_cache .ruff_cache .hypothesis
