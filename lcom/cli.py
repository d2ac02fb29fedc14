"""The command `lcom`: crystals for a formula, an opinion on crystals of one's own, the card of a data set. All of it works offline.

Only typer is imported before a command runs: what is wrong with a formula is said before torch is there.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lcom.base.messages import one_line

if TYPE_CHECKING:
    from lcom.prediction.options import Options
    from lcom.prediction.predicted import Answer

WRONG = 2  # exit code for what the user has to mend

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Crystal structures from a formula, by networks that have learned from known crystals only.",
)
Networks = Annotated[
    str | None,
    typer.Option(
        help="Folder of a run with trained networks, such as results or results/prototypes; shipped: those that come with lcom.",
        show_default="results/, else shipped",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command()
def predict(
    formulas: Annotated[
        list[str], typer.Argument(help="Such as NaCl, 'Ca(OH)2' or SiO2; several at once cost less each.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for CIF, extxyz, POSCAR, ranking.csv and index.html.")] = Path(
        "predictions"
    ),
    keep: Annotated[int, typer.Option(min=1, help="Crystals of each formula.")] = 6,
    units: Annotated[
        str | None, typer.Option(help="Formula units in the primitive cells to try.", show_default="1,2,3,4")
    ] = None,
    atoms: Annotated[str | None, typer.Option(help="Or the numbers of atoms in them, such as 2,4,8.")] = None,
    relax: Annotated[
        str, typer.Option(help="chgnet: relax cells and atoms with CHGNet, and rank by its energies; or none.")
    ] = "none",
    space_group: Annotated[
        int | None, typer.Option(min=1, max=230, help="Number of the only space group that is kept.")
    ] = None,
    networks: Networks = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    seed: Annotated[int, typer.Option(help="Of every random number; the same seed makes the same crystals.")] = 0,
    as_json: Json = False,
) -> int:
    """Predict the crystals of formulas: the lowest structures that the networks find, in order of their energies (eV/atom)."""
    from lcom.prediction.files import begin_folder, write_answer
    from lcom.prediction.options import Options
    from lcom.prediction.predict import answers, read

    options = Options(
        keep,
        _whole_numbers(atoms, "--atoms"),
        _whole_numbers(units, "--units"),
        relax.lower(),
        space_group,
        networks,
        device,
        seed,
    )
    asked, given = read(formulas, options)
    for answer in given:
        _refuse(answer)
    if asked:
        begin_folder(out)
        with _progress() as progress:
            for answer in answers(asked, options, progress):
                given.append(answer)
                if answer.reason:
                    _refuse(answer)
                else:
                    write_answer(out, answer)
    given.sort(key=lambda answer: formulas.index(answer.asked))
    _write_all(given, options, out)
    if as_json:
        _print_json(given, options)
    elif any(answer.crystals for answer in given):
        _print_tables(given, options, out)
    return WRONG if any(answer.reason for answer in given) else 0


@app.command()
def judge(
    files: Annotated[list[Path], typer.Argument(help="CIF, mCIF, extxyz, POSCAR or whatever else ASE reads.")],
    networks: Networks = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    as_json: Json = False,
) -> int:
    """Judge crystals: energy by CHGNet and above the hull of the data set (eV/atom), symmetry, and what known crystal is the nearest."""
    from lcom.prediction.given import Refused
    from lcom.prediction.judge import SCHEMA, Verdict, judge_files

    with _progress() as progress:
        progress("reading", 0, len(files))
        judged = list(judge_files(files, networks, device, progress))
    refused = [item for item in judged if isinstance(item, Refused)]
    for item in refused:
        _complain(f"{item.file}: {item.reason}")
    if as_json:
        values = {"schema": SCHEMA, "crystals": [item.values() for item in judged]}
        print(json.dumps(values, indent=1, ensure_ascii=False))
    elif verdicts := [item for item in judged if isinstance(item, Verdict)]:
        from lcom.prediction.run_folder import run_folder, said
        from lcom.prediction.terminal import verdict_table

        console = _console()
        console.print(verdict_table(verdicts))
        console.print(f"Networks: {said(run_folder(networks))}")
    return WRONG if refused else 0


@app.command()
def data(
    name: Annotated[
        str,
        typer.Argument(
            help="A data set of a run, such as prototypes; a file: .jsonl.gz or .parquet; or shipped: the networks that come with lcom."
        ),
    ],
    results: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("results"),
) -> int:
    """Print the card of a data set: what is in it, and what was dropped."""
    from lcom.prediction.data_card import data_card

    print(data_card(name, results))
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; what the user has to mend is one line and exit code 2."""
    os.environ.setdefault(
        "OMP_WAIT_POLICY", "PASSIVE"
    )  # beside other jobs, waiting threads took nine tenths of the time
    try:
        status = app(arguments, prog_name="lcom", standalone_mode=False) or 0
        print(end="", flush=True)  # what cannot be written is said here, not when Python ends
        return status
    except typer.TyperException as error:
        if error.format_message():
            _complain(error.format_message())
        return WRONG
    except typer.Abort:
        return 130
    except ValueError as error:
        _complain(str(error))
        return WRONG
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # `head` has seen what it wanted
            said = error.strerror or str(error)
            _complain(f"{error.filename}: {said}" if error.filename else said)
        _drop_output()
        return WRONG


def _drop_output() -> None:
    """What standard output holds and cannot be written would make Python complain once more when it ends."""
    try:
        print(end="", flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse(answer: Answer) -> None:
    named = answer.formula or answer.asked in answer.reason
    _complain(answer.reason if named else f"{answer.asked}: {answer.reason}")


def _complain(message: str) -> None:
    print("error: " + one_line(message), file=sys.stderr)


def _whole_numbers(text: str | None, option: str) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"{option}: whole numbers with commas between them are needed, such as 1,2,4; got '{text}'"
        ) from None


def _console():
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, 120)  # a file has room for every column
    return console


class _progress:
    """A bar on stderr that goes when the work is done; nothing where that is no terminal."""

    def __enter__(self):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        self.bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self.bar.disable = not self.bar.console.is_terminal
        self.bar.start()
        self.task = None
        return self

    def __call__(self, what: str, done: int, total: int) -> None:
        if self.task is None:
            self.task = self.bar.add_task("", total=total)
        self.bar.update(self.task, completed=done, total=total, description=what or None)

    def __exit__(self, *_) -> None:
        self.bar.stop()


def _write_all(answers: Sequence[Answer], options: Options, out: Path) -> None:
    """What is of all formulas together."""
    if not any(answer.crystals for answer in answers):
        return
    from lcom.prediction.files import write_ranking
    from lcom.prediction.page import write_page
    from lcom.prediction.run_folder import run_folder, said

    write_ranking(out, answers)
    about = f"Networks: {said(run_folder(options.networks))}, seed {options.seed}. Before you believe it, compute it."
    write_page(out / "index.html", answers, about)


def _print_json(answers: Sequence[Answer], options: Options) -> None:
    from lcom.prediction.files import values
    from lcom.prediction.run_folder import run_folder

    print(
        json.dumps(
            values(answers, str(run_folder(options.networks)), options.seed, options.relax),
            indent=1,
            ensure_ascii=False,
        )
    )


def _print_tables(answers: Sequence[Answer], options: Options, out: Path) -> None:
    from lcom.prediction.run_folder import run_folder, said
    from lcom.prediction.terminal import answer_table

    console = _console()
    for answer in answers:
        if answer.crystals:
            console.print(answer_table(answer, console.width))
    console.print(f"Networks: {said(run_folder(options.networks))}")
    console.print(f"Structures, ranking.csv and [bold]index.html[/] are in {out}/")


if __name__ == "__main__":
    sys.exit(main())
