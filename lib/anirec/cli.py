"""The ``anirec`` command."""

from __future__ import annotations

import re
import sys
import unicodedata
from pathlib import Path
from typing import Annotated

import typer

from anirec.config import Dataset, InputError, Paths

app = typer.Typer(
    help="Anime recommendations and analysis of the MyAnimeList data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

DatasetOption = Annotated[str, typer.Option("--dataset", help=f"One of {', '.join(Dataset)}.")]
FormatOption = Annotated[str, typer.Option(help="table or json.")]
RawDirOption = Annotated[
    str | None, typer.Option("--raw-dir", help="Folder of the raw files [data/raw/<dataset>].")
]


class Interrupted(Exception):
    """Somebody stopped a run."""


def _known(dataset: str) -> str:
    if dataset not in set(Dataset):
        raise InputError(f"unknown dataset {dataset!r}: choose one of {', '.join(Dataset)}")
    return dataset


@app.command()
def run(
    dataset: DatasetOption = Dataset.SAMPLE.value,
    raw_dir: RawDirOption = None,
    first: Annotated[
        str | None, typer.Option("--from", help="Start at this stage, e.g. 03.")
    ] = None,
    only: Annotated[str | None, typer.Option(help="Run this stage alone, e.g. 05.")] = None,
    force: Annotated[bool, typer.Option(help="Run stages even if they are up to date.")] = False,
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", metavar="NAME=VALUE", help="Set a run parameter."),
    ] = None,
) -> None:
    """Ingest a dataset and run the six notebooks, as far as they are not up to date."""
    from anirec.pipeline.run import run as run_stages
    from anirec.pipeline.stages import Selection, parse_parameters

    parameters = parse_parameters(dataset, raw_dir, parameter or [])
    try:
        run_stages(parameters, Selection(first, only), force)
    except KeyboardInterrupt:  # Typer would end without a word
        raise Interrupted from None


@app.command()
def gallery() -> None:
    """Write the figures that the README shows to outputs/gallery, from the sample's last run."""
    from anirec.config import output_root
    from anirec.pipeline.report import write_gallery

    files = write_gallery(Paths.of(Dataset.SAMPLE), output_root() / "gallery")
    typer.echo(f"{len(files)} figures are in {files[0].parent}")


@app.command()
def sample(
    size: Annotated[str, typer.Option(help="tiny, default or full.")] = "default",
    out: Annotated[str | None, typer.Option(help="Folder to write [data/raw/sample].")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
) -> None:
    """Simulate the sample's community in the format of the 2023 dataset."""
    from anirec.datasets.sample import generate

    target = Paths.of(Dataset.SAMPLE, raw_dir=out).raw
    generate(target, size=size, seed=seed)
    typer.echo(f"Simulated users and ratings ({size}) are in {target}")


@app.command()
def ingest(
    dataset: Annotated[
        str | None,
        typer.Argument(help=f"One of {', '.join(Dataset)}; may be left out with --raw-dir."),
    ] = None,
    raw_dir: RawDirOption = None,
    max_reject_fraction: Annotated[
        float, typer.Option(min=0, max=1, help="Stop if more of a file's rows cannot be used.")
    ] = 0.01,
) -> None:
    """Turn a dataset's raw files into the canonical Parquet tables."""
    from anirec.catalogue import build
    from anirec.datasets import detect
    from anirec.datasets.ingest import ingest as make_tables

    if dataset is None:
        if raw_dir is None:
            raise InputError("name a dataset, or pass --raw-dir with the folder of its files")
        dataset = detect(Path(raw_dir).resolve())
        typer.echo(f"{raw_dir} holds {dataset}")
    paths = Paths.of(_known(dataset), raw_dir=raw_dir)
    typer.echo(make_tables(paths, max_reject_fraction).summary())
    build(paths)


@app.command()
def fetch(
    dataset: Annotated[str, typer.Argument(help="mal-2023, mal-2020, mal-2018 or mal-2016.")],
    raw_dir: RawDirOption = None,
) -> None:
    """Download a public dataset's files from Kaggle; what is there already is not fetched again."""
    from anirec.datasets.fetch import fetch as download

    paths = Paths.of(_known(dataset), raw_dir=raw_dir)
    for file in download(paths):
        typer.echo(f"{file}")


@app.command()
def recommend(
    titles: Annotated[list[str], typer.Argument(help='Titles you like, e.g. "Death Note:9".')],
    dataset: DatasetOption = Dataset.SAMPLE.value,
    k: Annotated[int, typer.Option("-k", min=1, help="How many.")] = 10,
    model: Annotated[str | None, typer.Option(help="Which model ranks.")] = None,
    adult: Annotated[bool, typer.Option("--adult", help="Also adult titles.")] = False,
    format: FormatOption = "table",
) -> None:
    """Recommend anime to someone who likes the titles given, or rates them low."""
    from anirec.catalogue import Filters
    from anirec.profiles import Entry
    from anirec.recommender import AnimeRecommender

    _check_format(format)
    recommender = AnimeRecommender.load(Paths.of(_known(dataset)))
    profile = {}
    for text in titles:
        anime_id, rating = parse_title(recommender, text)
        profile[anime_id] = Entry(rating)
    frame = recommender.recommend(profile, k=k, model=model, filters=Filters(adult=adult))
    if frame.attrs["note"]:
        typer.echo(f"anirec: {frame.attrs['note']}", err=True)
    _show(frame, format)


@app.command()
def similar(
    title: Annotated[str, typer.Argument(help="A title, in any of its languages.")],
    dataset: DatasetOption = Dataset.SAMPLE.value,
    k: Annotated[int, typer.Option("-k", min=1, help="How many.")] = 10,
    model: Annotated[
        str | None, typer.Option(help="Which model tells, e.g. content or rating-net.")
    ] = None,
    format: FormatOption = "table",
) -> None:
    """List the anime most similar to one."""
    from anirec.recommender import AnimeRecommender

    _check_format(format)
    recommender = AnimeRecommender.load(Paths.of(_known(dataset)))
    _show(recommender.similar(recommender.resolve(title), k=k, model=model), format)


def parse_title(recommender, text: str) -> tuple[int, float | None]:
    """Return (anime id, rating) from ``"Death Note:9"`` or ``"Death Note"`` (rating None).

    Raises
    ------
    InputError
        If the title is unknown or the rating is not from 1 to 10.
    """
    match = re.fullmatch(r"(?P<title>.+?)\s*:\s*(?P<rating>\d+)", text.strip())
    if match is None or recommender.catalogue.titles.is_name(text):
        return recommender.resolve(text), None
    if not 1 <= int(match["rating"]) <= 10:
        raise InputError(f"the rating in {text!r} must be a whole number from 1 to 10")
    return recommender.resolve(match["title"]), float(match["rating"])


TABLE_COLUMNS = {
    "rank": ("", 3),
    "title": ("title", 40),
    "type": ("type", 7),
    "year": ("year", 4),
    "episodes": ("ep", 4),
    "genres": ("genres", 28),
    "score": ("score", 5),
    "expected": ("for you", 7),
    "match": ("match", 6),
    "similarity": ("similarity", 10),
    "because": ("because you liked", 100),
}
"""Heading and greatest width of what a table shows."""


def _check_format(format: str) -> None:
    if format not in ("table", "json"):
        raise InputError(f"unknown format {format!r}: choose table or json")


def _show(frame, format: str) -> None:
    """Print a frame of anime as a table or as JSON records."""
    if format == "json":
        typer.echo(frame.to_json(orient="records", force_ascii=False, indent=2))
    elif len(frame):
        typer.echo(_table(frame))


def _table(frame) -> str:
    """Return anime as lines of text: columns as wide as they need, within `TABLE_COLUMNS`."""
    columns = []
    for name, (heading, width) in TABLE_COLUMNS.items():
        if name in frame:
            cells = [heading, *(_cell(name, value, width) for value in frame[name])]
            needed = max(map(_width, cells))
            if any(cells[1:]):
                columns.append([cell + " " * (needed - _width(cell)) for cell in cells])
    return "\n".join("  ".join(row).rstrip() for row in zip(*columns, strict=True))


def _cell(name: str, value: object, width: int) -> str:
    """Return a value as text of at most ``width`` columns; genres are cut between two of them."""
    import pandas as pd

    if not isinstance(value, str):
        if pd.isna(value):
            return ""
        return str(int(value)) if name in ("rank", "year", "episodes") else f"{value:.2f}"
    if name == "genres":
        value = value.replace(", ", " · ")
        while _width(value) > width and " · " in value:
            value = value.removesuffix(" …").rpartition(" · ")[0] + " …"
    if _width(value) <= width:
        return value
    while _width(value) >= width:
        value = value[:-1]
    return f"{value.rstrip()}…"


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes: ideographs and kana take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


@app.command("app")
def serve_app(
    dataset: DatasetOption = Dataset.SAMPLE.value,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port.")] = 8866,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this machine need a token.")
    ] = "127.0.0.1",
    public_name: Annotated[
        str | None, typer.Option(help="Host name under which a reverse proxy serves the page.")
    ] = None,
    visitors: Annotated[
        int, typer.Option(min=1, help="How many people are served at once, a kernel each.")
    ] = 24,
) -> None:
    """Serve the recommender box as a web page on this machine."""
    from anirec.app.page import serve

    serve(_known(dataset), port, host, public_name, visitors)


def main() -> None:
    """Run the command; errors a person can mend become one line and exit status 2."""
    from anirec.pipeline.steps import StageFailed

    try:
        app()
    except InputError as error:
        print(f"anirec: {error}", file=sys.stderr)
        sys.exit(2)
    except StageFailed as error:
        print(f"anirec: {error}", file=sys.stderr)
        sys.exit(1)
    except Interrupted:
        print("\nanirec: interrupted; the next run resumes here", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
