"""What the commands share: the one application, the options of several of them."""

from __future__ import annotations

from typing import Annotated

import typer

from anirec.config import Dataset, InputError

app = typer.Typer(add_completion=True, pretty_exceptions_enable=False, rich_markup_mode=None)


def _dataset_names() -> list[str]:
    return [dataset.value for dataset in Dataset]


DatasetWord = Annotated[
    str | None,
    typer.Argument(
        metavar="DATASET",
        help=f"One of {', '.join(Dataset)}; --dataset says the same.",
        autocompletion=_dataset_names,
        show_default=False,
    ),
]
DatasetOption = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        metavar="NAME",
        help=f"One of {', '.join(Dataset)}  [default: sample]",
        autocompletion=_dataset_names,
    ),
]
SameDatasetOption = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        metavar="NAME",
        help="The dataset, as an option.",
        autocompletion=_dataset_names,
    ),
]
CountOption = Annotated[int, typer.Option("-k", min=1, metavar="NUMBER", help="How many.")]
ScaleOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Scale of the scores: 10, 100, '5 stars' or '3 smileys'."),
]
FormatOption = Annotated[str, typer.Option(metavar="NAME", help="table or json.")]
RawDirOption = Annotated[
    str | None,
    typer.Option(
        "--raw-dir", metavar="FOLDER", help="Folder of the raw files [data/raw/<dataset>]."
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="A Dask scheduler that does the work, tcp://..."),
]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, metavar="NUMBER", help="Processes here that do the work.")
]


def chosen_dataset(word: str | None, option: str | None) -> str | None:
    """Return the dataset that was named as a word or as an option, None if none was.

    Raises
    ------
    InputError
        If there is no such dataset, or two were named.
    """
    if word is not None and option is not None and word != option:
        raise InputError(f"two datasets are named, {word} and {option}: name one")
    dataset = word if option is None else option
    if dataset is None:
        return None
    from anirec.datasets.registry import checked

    return checked(dataset)


def check_format(format: str) -> None:
    """Raise InputError for a format that nothing is printed in."""
    if format not in ("table", "json"):
        raise InputError(f"unknown format {format!r}: choose table or json")
