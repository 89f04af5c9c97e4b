"""The ``anirec`` command."""

from __future__ import annotations

import sys
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
RawDirOption = Annotated[
    str | None, typer.Option("--raw-dir", help="Folder of the raw files [data/raw/<dataset>].")
]


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
    from anirec import pipeline

    parameters = pipeline.parse_parameters(dataset, raw_dir, parameter or [])
    pipeline.run(parameters, pipeline.Selection(first, only), force)


@app.command()
def sample(
    size: Annotated[str, typer.Option(help="tiny or default.")] = "default",
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
    from anirec.datasets import detect
    from anirec.datasets.ingest import ingest as make_tables

    if dataset is None:
        if raw_dir is None:
            raise InputError("name a dataset, or pass --raw-dir with the folder of its files")
        dataset = detect(Path(raw_dir).resolve())
        typer.echo(f"{raw_dir} holds {dataset}")
    paths = Paths.of(_known(dataset), raw_dir=raw_dir)
    typer.echo(make_tables(paths, max_reject_fraction).summary())


@app.command()
def fetch(
    dataset: Annotated[str, typer.Argument(help="mal-2023, mal-2020 or mal-2016.")],
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
    format: Annotated[str, typer.Option(help="table or json.")] = "table",
) -> None:
    """Recommend anime to someone who likes the titles given."""
    from anirec.recommender import AnimeRecommender, parse_title

    recommender = AnimeRecommender.load(Paths.of(_known(dataset)))
    profile = dict(parse_title(recommender, text) for text in titles)
    _show(recommender.recommend(profile, k=k, model=model), format)


@app.command()
def similar(
    title: Annotated[str, typer.Argument(help="A title, in any of its languages.")],
    dataset: DatasetOption = Dataset.SAMPLE.value,
    k: Annotated[int, typer.Option("-k", min=1, help="How many.")] = 10,
    model: Annotated[str, typer.Option(help="content, rating-net or ease.")] = "content",
    format: Annotated[str, typer.Option(help="table or json.")] = "table",
) -> None:
    """List the anime most similar to one."""
    from anirec.recommender import AnimeRecommender

    recommender = AnimeRecommender.load(Paths.of(_known(dataset)))
    _show(recommender.similar(recommender.resolve(title), k=k, model=model), format)


def _show(frame, format: str) -> None:
    """Print a frame as a table or as JSON records. Raises InputError for another format."""
    if format == "json":
        typer.echo(frame.to_json(orient="records", force_ascii=False, indent=2))
    elif format == "table":
        typer.echo(frame.drop(columns="anime_id").to_string(index=False, na_rep=""))
    else:
        raise InputError(f"unknown format {format!r}: choose table or json")


@app.command("app")
def serve_app(
    dataset: DatasetOption = Dataset.SAMPLE.value,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8866,
) -> None:
    """Serve the recommender box as a web page on this machine."""
    from anirec.page import serve

    serve(_known(dataset), port)


def main() -> None:
    """Run the command; errors a person can mend become one line and exit status 2."""
    from anirec.pipeline import StageFailed

    try:
        app()
    except InputError as error:
        print(f"anirec: {error}", file=sys.stderr)
        sys.exit(2)
    except StageFailed as error:
        print(f"anirec: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("anirec: interrupted; the next run resumes here", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
