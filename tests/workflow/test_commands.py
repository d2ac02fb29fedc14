"""Every command that a page tells is one: targets of make, options of lcom and of scripts, what Snakemake is to make."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
import typer
import yaml
from snakemake.cli import get_argument_parser

from lcom.cli import app
from tests.workflow.conftest import DATA_FILE, ROOT, copy_project

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "data/README.md", ROOT / "profiles/slurm/README.md"]
STARTS = re.compile(r"(?:\.venv/bin/)?(make|snakemake|lcom|python) ")
OPTION = re.compile(r"--?[A-Za-z][\w-]*")


def commands() -> dict[str, list[list[str]]]:
    """Program -> its commands on the pages, as words; one with … or NAME in place of something is a part of one."""
    found = defaultdict(list)
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = [line for block in re.findall(r"```\w*\n(.*?)```", text, re.S) for line in block.splitlines()]
        for line in [*blocks, *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S))]:
            line = line.strip().removeprefix("$ ")
            if (program := STARTS.match(line)) and "…" not in line:
                words = shlex.split(line, comments=True)
                if words[1:] not in found[program[1]]:
                    found[program[1]].append(words[1:])
    return found


COMMANDS = commands()


def named(words: list[str]) -> str:
    return " ".join(words)


@pytest.mark.parametrize("words", COMMANDS["make"], ids=named)
def test_make_has_the_target(words: list[str]) -> None:
    done = subprocess.run(["make", "--dry-run", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", COMMANDS["lcom"], ids=named)
def test_lcom_takes_the_arguments(words: list[str]) -> None:
    group = typer.main.get_command(app)
    command = group.commands[words[0]]
    arguments = words[1:] or ["something"]
    command.make_context(words[0], [*arguments])


@pytest.mark.parametrize("words", COMMANDS["python"], ids=named)
def test_the_script_is_there_and_knows_the_options(words: list[str]) -> None:
    if words[0] == "-m" and words[1] == "pytest":
        assert (ROOT / words[2]).is_file()
        return
    file = ROOT / (words[1].replace(".", "/") + ".py" if words[0] == "-m" else words[0])
    if words[:2] == ["-m", "lcom"]:
        file = ROOT / "lcom/cli.py"
    source = file.read_text(encoding="utf-8")
    used = [word for word in words[2 if words[0] == "-m" else 1 :] if OPTION.fullmatch(word)]
    assert [word for word in used if not re.search(rf"[\"'](?:--)?{word.removeprefix('--')}[\"']", source)] == []


def test_snakemake_plans_what_it_is_told(tmp_path: Path) -> None:
    """Its options are parsed by its own parser; the targets of each config are planned together, for one compound and one seed."""
    project = copy_project(tmp_path)
    (project.folder / DATA_FILE).write_text("not read in a dry run")
    parser, targets = get_argument_parser(), defaultdict(set)
    for words in COMMANDS["snakemake"]:
        said = parser.parse_args(words)
        if said.configfile and said.configfile[0].name == "mine.yaml":  # of the reader's own
            continue
        if said.configfile:
            assert (ROOT / said.configfile[0]).is_file()
        config = str(said.configfile[0]) if said.configfile else "config.yaml"
        targets[config, *(said.config or [])] |= set(said.targets or ["all"])
    assert len(targets) == 6 and sum(map(len, targets.values())) >= 8
    for (config, *changed), wanted in targets.items():
        for entry in yaml.safe_load((ROOT / config).read_text(encoding="utf-8")).get("data", {}).values():
            if isinstance(entry, dict) and entry.get("kind") == "own":  # the reader puts it there
                (tmp_path / entry["file"]).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / entry["file"]).write_text("not read in a dry run")
        few = ("--config", "seeds=1", "only=[MgO]", *changed)
        done = project.snakemake_with(config, "--dry-run", "--quiet", "all", *few, "--", *sorted(wanted))
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
