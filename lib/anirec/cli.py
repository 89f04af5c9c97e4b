"""The ``anirec`` command."""

from __future__ import annotations

import io
import sys
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from anirec.cluster import engine_of
from anirec.config import Dataset, InputError, Paths

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

INTERRUPTED = 130
"""Exit status after Ctrl-C."""


class Interrupted(Exception):
    """Somebody stopped a run."""


def _chosen(word: str | None, option: str | None) -> str | None:
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

    name = _chosen(dataset, dataset_option) or Dataset.SAMPLE.value
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
    Example: anirec sample --size tiny --out /tmp/people
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

    name = _chosen(dataset, dataset_option)
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

    name = _chosen(dataset, dataset_option)
    if name is None:
        raise InputError(f"name the dataset to fetch: {', '.join(HANDLES)}")
    for file in fetch(Paths.of(name, raw_dir=raw_dir)):
        typer.echo(f"{file}")


@app.command()
def recommend(
    titles: Annotated[
        list[str] | None, typer.Argument(help="Titles, each with your rating if you like.")
    ] = None,
    dataset: DatasetOption = None,
    list_file: Annotated[
        str | None,
        typer.Option("--list", metavar="FILE", help="Your list, from any site, or anilist:USER."),
    ] = None,
    scale: ScaleOption = None,
    filter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A filter: genres=Comedy, years=2005-2015, ...",
        ),
    ] = None,
    k: CountOption = 10,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which model ranks [two-stage].")
    ] = None,
    adult: Annotated[bool, typer.Option("--adult", help="Also adult titles.")] = False,
    format: FormatOption = "table",
    all_users: Annotated[
        bool, typer.Option("--all-users", help="For every user of the dataset, to --out.")
    ] = False,
    out: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Where Parquet files are written.")
    ] = None,
    scheduler: SchedulerOption = None,
    workers: WorkersOption = None,
) -> None:
    """Recommend anime for titles, for your list, or for every user.

    \b
    Example: anirec recommend "Death Note:9" "Naruto:4" -k 5
    Example: anirec recommend --list animelist.xml --filter years=2005-2015
    Example: anirec recommend --all-users --out everybody.parquet --workers 2
    """
    from anirec.catalogue import Filters
    from anirec.lists import entry_of
    from anirec.lists.online import read_named_list
    from anirec.profiles import Profile
    from anirec.recommender import AnimeRecommender
    from anirec.terminal import print_frame

    _check_format(format)
    filters = Filters.parsed([*(filter or []), *(["adult=yes"] if adult else [])])
    paths = Paths.of(_chosen(None, dataset) or Dataset.SAMPLE)
    if all_users:
        from anirec.recommender.batch import recommend_to_dataset

        if titles or list_file is not None or out is None:
            raise InputError("--all-users needs --out FOLDER, and takes no titles and no list")
        with engine_of(scheduler, workers, _remark) as engine:
            typer.echo(recommend_to_dataset(paths, Path(out), k, engine, model, filters))
        return
    if not titles and list_file is None:
        raise InputError("name a title that you like, or pass your list with --list FILE")
    recommender = AnimeRecommender.load(paths)
    profile = Profile()
    if list_file is not None:
        imported = read_named_list(list_file, recommender.catalogue, scale)
        _remark(imported.text)
        profile = imported.profile
    for text in titles or []:
        anime_id, entry, remark = entry_of(text, recommender.catalogue, scale)
        _remark(remark)
        profile = profile.set(anime_id, rating=entry.rating, liked=entry.liked)
    frame = recommender.recommend(profile, k=k, model=model, filters=filters)
    mixture = recommender.segment_mixture(profile)
    _remark(mixture.text if mixture else "")
    _remark(frame.attrs["note"])
    print_frame(frame, format)


@app.command("list")
def understand_list(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A list, from any site, or anilist:USER.")
    ],
    dataset: DatasetOption = None,
    scale: ScaleOption = None,
    format: FormatOption = "table",
) -> None:
    """Show what is understood of a list, entry by entry.

    It needs the dataset's tables, but no models.

    \b
    Example: anirec list animelist.xml.gz --dataset mal-2023
    """
    from anirec.catalogue import Catalogue
    from anirec.lists.online import read_named_list
    from anirec.terminal import print_frame, print_json

    _check_format(format)
    name = _chosen(None, dataset) or Dataset.SAMPLE.value
    table = Paths.of(name).processed / "anime.parquet"
    if not table.is_file():
        raise InputError(f"{name} is not ingested yet: run 'anirec ingest {name}' first")
    imported = read_named_list(file, Catalogue.load(table), scale)
    if format == "json":
        print_json(imported.record())
        return
    print_frame(imported.frame(), format)
    _remark(imported.text)
    for one in imported.left_out:
        _remark(f"{one.where}: left out, {one.why}")


def _remark(text: str) -> None:
    """Say beside the result what the person should know; nothing if empty."""
    if text:
        typer.echo(f"anirec: {text}", err=True)


@app.command()
def similar(
    title: Annotated[str, typer.Argument(help="A title, in any of its languages.")],
    dataset: DatasetOption = None,
    k: CountOption = 10,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which model tells, e.g. content or rating-net."),
    ] = None,
    format: FormatOption = "table",
) -> None:
    """List the anime most similar to one.

    \b
    Example: anirec similar "Death Note" --model content
    """
    from anirec.lists import anime_named
    from anirec.recommender import AnimeRecommender
    from anirec.terminal import print_frame

    _check_format(format)
    recommender = AnimeRecommender.load(Paths.of(_chosen(None, dataset) or Dataset.SAMPLE))
    anime_id, remark = anime_named(title, recommender.catalogue)
    _remark(remark)
    print_frame(recommender.similar(anime_id, k=k, model=model), format)


def _check_format(format: str) -> None:
    if format not in ("table", "json"):
        raise InputError(f"unknown format {format!r}: choose table or json")


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

    paths = Paths.of(_chosen(dataset, dataset_option) or Dataset.SAMPLE)
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

    name = _chosen(dataset, dataset_option) or Dataset.SAMPLE.value
    serve(name, port, host, public_name, path, visitors, visits, fork)


def main() -> None:
    """Run the command; errors a person can mend become one line and exit status 2."""
    from anirec.pipeline.steps import StageFailed

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a narrow code page has not all letters
            stream.reconfigure(errors="replace")
    try:
        status = app(prog_name="anirec", standalone_mode=False)
    except InputError as error:
        _complain(str(error))
        sys.exit(2)
    except typer.TyperException as error:
        _complain(_usage(error))
        sys.exit(2)
    except StageFailed as error:
        _complain(str(error))
        sys.exit(1)
    except Interrupted:
        print("\nanirec: interrupted; the next run resumes here", file=sys.stderr)
        sys.exit(INTERRUPTED)
    if status == INTERRUPTED:
        print("\nanirec: interrupted", file=sys.stderr)
    sys.exit(status)


def _complain(text: str) -> None:
    print(f"anirec: {text}", file=sys.stderr)


def _usage(error: typer.TyperException) -> str:
    """Return on one line what is wrong with a command's words and options, and where to look."""
    said = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "anirec"
    return f"{said[:1].lower()}{said[1:]} (see '{command} --help')"


if __name__ == "__main__":
    main()
