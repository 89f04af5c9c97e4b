"""The commands that get data, run the notebooks, serve the page and follow events."""

from __future__ import annotations

import sys
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from anirec.cli.options import (
    DatasetWord,
    RawDirOption,
    SameDatasetOption,
    app,
    chosen_dataset,
)
from anirec.config import Dataset, InputError, Paths


class Interrupted(Exception):
    """Somebody stopped a run."""


@app.callback(invoke_without_command=True)
def overview(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Anime recommendations and analysis of the MyAnimeList data.

    A dataset is named as a word or with --dataset; where words are titles, with --dataset.
    """
    if version:
        typer.echo(f"anirec {metadata.version('anirec')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("run")
def run_notebooks(
    dataset: DatasetWord = None,
    dataset_option: SameDatasetOption = None,
    raw_dir: RawDirOption = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="NN", help="Start at this stage, e.g. 03.")
    ] = None,
    only: Annotated[
        str | None, typer.Option(metavar="NN", help="Run this stage alone, e.g. 05.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Run stages even if they are up to date.")
    ] = False,
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", metavar="NAME=VALUE", help="Set a run parameter."),
    ] = None,
) -> None:
    """Ingest a dataset and run the six notebooks.

    What is up to date is left as it is; --force runs it again.

    \b
    Example: anirec run mal-2016 --from 03 -p epochs=10
    """
    from anirec.pipeline.run import run
    from anirec.pipeline.stages import Selection, parse_parameters

    name = chosen_dataset(dataset, dataset_option) or Dataset.SAMPLE.value
    parameters = parse_parameters(name, raw_dir, parameter or [])
    try:
        run(parameters, Selection(first, only), force)
    except KeyboardInterrupt:  # Typer would end without a word
        raise Interrupted from None


@app.command()
def gallery() -> None:
    """Write the README's figures to outputs/gallery.

    They come from the sample's last run.

    \b
    Example: anirec run && anirec gallery
    """
    from anirec.config import output_root
    from anirec.pipeline.report import write_gallery

    files = write_gallery(Paths.of(Dataset.SAMPLE), output_root() / "gallery")
    typer.echo(f"{len(files)} figures are in {files[0].parent}")


@app.command()
def sample(
    size: Annotated[str, typer.Option(metavar="NAME", help="tiny, default or full.")] = "default",
    out: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Folder to write [data/raw/sample].")
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="NUMBER", help="The same seed gives the same bytes.")
    ] = 0,
    no_effects: Annotated[
        bool, typer.Option("--no-effects", help="Who people are tells nothing of what they do.")
    ] = False,
) -> None:
    """Simulate the sample's community.

    Its files are in the format of the 2023 dataset, with the progress of entries.

    \b
    Example: anirec sample --size tiny --out people
    """
    from anirec.datasets.sample import generate

    target = Paths.of(Dataset.SAMPLE, raw_dir=out).raw
    generate(target, size=size, seed=seed, effects=not no_effects)
    typer.echo(f"Simulated users and ratings ({size}) are in {target}")


@app.command("ingest")
def ingest_files(
    dataset: DatasetWord = None,
    dataset_option: SameDatasetOption = None,
    raw_dir: RawDirOption = None,
    max_reject_fraction: Annotated[
        float,
        typer.Option(
            min=0, max=1, metavar="SHARE", help="Stop if more of a file's rows cannot be used."
        ),
    ] = 0.01,
    spec: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="What files of your own hold; see data/README.md."),
    ] = None,
) -> None:
    """Turn a dataset's raw files into the canonical tables.

    With --raw-dir the dataset may be left out: its files tell which it is. With --spec the files
    are your own.

    \b
    Example: anirec ingest mal-2016 --raw-dir ~/Downloads/anime
    Example: anirec ingest --spec film-club.toml
    """
    from anirec.catalogue import build
    from anirec.datasets import detect
    from anirec.datasets.ingest import ingest
    from anirec.datasets.spec import keep_spec, read_spec

    name = chosen_dataset(dataset, dataset_option)
    if spec is not None:
        if name is not None:
            raise InputError(f"{spec} names its dataset: leave {name} out")
        source, folder = read_spec(Path(spec).resolve())
        paths = Paths.of(source.dataset, raw_dir=raw_dir or folder)
        typer.echo(ingest(paths, max_reject_fraction, source).summary())
        keep_spec(Path(spec).resolve(), source, paths.raw)
        build(paths)
        return
    if name is None:
        if raw_dir is None:
            raise InputError("name a dataset, or pass --raw-dir with the folder of its files")
        name = detect(Path(raw_dir).resolve())
        typer.echo(f"{raw_dir} holds {name}")
    paths = Paths.of(name, raw_dir=raw_dir)
    typer.echo(ingest(paths, max_reject_fraction).summary())
    build(paths)


@app.command("fetch")
def fetch_files(
    dataset: DatasetWord = None,
    dataset_option: SameDatasetOption = None,
    raw_dir: RawDirOption = None,
) -> None:
    """Download a public dataset's files from Kaggle.

    What is there already is not fetched again.

    \b
    Example: anirec fetch mal-2016
    """
    from anirec.datasets.fetch import HANDLES, fetch

    name = chosen_dataset(dataset, dataset_option)
    if name is None:
        raise InputError(f"name the dataset to fetch: {', '.join(HANDLES)}")
    for file in fetch(Paths.of(name, raw_dir=raw_dir)):
        typer.echo(f"{file}")


@app.command("update")
def update_models(
    dataset: DatasetWord = None,
    dataset_option: SameDatasetOption = None,
    events: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="JSON lines or CSV: a file, a folder of them, - for a pipe."
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with what comes, until stopped.")
    ] = False,
    visitors: Annotated[
        bool,
        typer.Option("--visitors", help="Learn from lists of the page whose owners agreed."),
    ] = False,
    refit: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="Learn the models anew: now, nightly, or from a share of changed lists, 0.05.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; change nothing.")
    ] = False,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Serve the version before the present one.")
    ] = False,
) -> None:
    """Let the served models follow what people rate now.

    Events are kept durably; a version of the models that knows them is served.

    \b
    Example: anirec update mal-2016 --events today.jsonl
    """
    from anirec.events import learning, updating
    from anirec.events.versions import Versions
    from anirec.profiles import ProfileStore

    paths = Paths.of(chosen_dataset(dataset, dataset_option) or Dataset.SAMPLE)
    if rollback:
        typer.echo(f"serving {Versions(paths).rollback()}")
        return
    if dry_run or follow:
        option = "--follow" if follow else "--dry-run"
        if (events is None and not (follow and visitors)) or (dry_run and events == "-"):
            raise InputError(f"{option} needs --events with a file or folder")
    if dry_run:
        updating.dry_run(paths, events, typer.echo, _told)
        return
    schedule = learning.Schedule.of(refit) if refit is not None else None

    def after_round(follower):
        if schedule is not None and learning.learn_if_due(
            paths, schedule, follower, partial(_learn_anew, paths)
        ):
            return updating.begun_anew(follower, typer.echo)
        return follower

    profiles = ProfileStore.of(paths.dataset) if visitors else None
    work = updating.follow if follow else updating.update
    work(paths, events, partial(print, flush=True), _told, after_round, profiles)


def _learn_anew(paths: Paths) -> None:
    """Run the notebooks from the encoding of the lists on, on tables that know all events."""
    from anirec.catalogue import build
    from anirec.pipeline.run import run
    from anirec.pipeline.stages import Selection, parse_parameters

    build(paths)
    run(parse_parameters(paths.dataset, None, []), Selection("02", None))


def _told(source: str, line: int, reason: str | None) -> None:
    """Say that a line was rejected, or that all up to it is on the disk."""
    if reason is None:
        print(f"acknowledged {source}:{line}", flush=True)
    else:
        print(f"{source}:{line}: {reason}", file=sys.stderr, flush=True)


@app.command("app")
def serve_app(
    dataset: DatasetWord = None,
    dataset_option: SameDatasetOption = None,
    port: Annotated[
        int, typer.Option(min=1, max=65535, metavar="NUMBER", help="Port to listen on.")
    ] = 8866,
    host: Annotated[
        list[str],
        typer.Option(
            metavar="ADDRESS", help="Listen there; others than this machine need a token."
        ),
    ] = ["127.0.0.1"],  # noqa: B006
    public_name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Host name by which a reverse proxy serves the page."),
    ] = None,
    path: Annotated[
        str, typer.Option(metavar="PATH", help="Path below which a reverse proxy serves it.")
    ] = "/",
    visitors: Annotated[
        int,
        typer.Option(min=1, metavar="NUMBER", help="How many people are served at once."),
    ] = 24,
    visits: Annotated[
        int,
        typer.Option(min=1, metavar="NUMBER", help="Pages that one address opens in a minute."),
    ] = 120,
    fork: Annotated[
        bool, typer.Option(help="Fork kernels from one process, where the system can.")
    ] = True,
) -> None:
    """Serve the recommender box as a web page on this machine.

    \b
    Example: anirec app mal-2016 --port 8900
    """
    from anirec.app.page import serve

    name = chosen_dataset(dataset, dataset_option) or Dataset.SAMPLE.value
    serve(name, port, host, public_name, path, visitors, visits, fork)
