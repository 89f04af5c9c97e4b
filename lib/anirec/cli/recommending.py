"""The commands that recommend, and that tell what is understood of a list."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anirec.cli.options import (
    CountOption,
    DatasetOption,
    FormatOption,
    ScaleOption,
    SchedulerOption,
    WorkersOption,
    app,
    check_format,
    chosen_dataset,
)
from anirec.config import Dataset, InputError, Paths


@app.command()
def recommend(
    titles: Annotated[
        list[str] | None, typer.Argument(help="Titles, each with your rating if you like.")
    ] = None,
    dataset: DatasetOption = None,
    list_file: Annotated[
        str | None,
        typer.Option(
            "--list",
            metavar="LIST",
            help="Your list: a file from any site, anilist:USER, the name or address of one kept.",
        ),
    ] = None,
    scale: ScaleOption = None,
    shelf: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="new, next, planned, gems, because, surprise, or all of them."
        ),
    ] = None,
    because: Annotated[
        str | None,
        typer.Option(metavar="TITLE", help="What is like this one of your titles and fits you."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="Another surprises anew.")] = 0,
    others: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="LIST", help="For you and who has that list together."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="With others: also what somebody has seen.")
    ] = False,
    where: Annotated[
        str | None,
        typer.Option(metavar="TITLE", help="Say where it stands and what holds it back."),
    ] = None,
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
    Example: anirec recommend --list animelist.xml --shelf new --shelf next
    Example: anirec recommend --list animelist.xml --with anilist:USER
    Example: anirec recommend --all-users --out everybody.parquet --workers 2
    """
    from anirec import terminal
    from anirec.catalogue import Filters
    from anirec.recommender import AnimeRecommender

    check_format(format)
    filters = Filters.parsed([*(filter or []), *(["adult=yes"] if adult else [])])
    name = chosen_dataset(None, dataset) or Dataset.SAMPLE.value
    if all_users:
        if titles or list_file is not None or out is None:
            raise InputError("--all-users needs --out FOLDER, and takes no titles and no list")
        _recommend_to_all(Paths.of(name), Path(out), k, model, filters, scheduler, workers)
        return
    if not titles and list_file is None:
        raise InputError("name a title that you like, or pass your list with --list FILE")
    shelves = [*(shelf or []), *(["because"] if because is not None else [])]
    if sum(map(bool, (shelves, others, where))) > 1:
        raise InputError("--shelf, --with and --where are three questions: ask one of them")
    if again and not others:
        raise InputError("--again goes with --with LIST: it says what a group may see again")
    recommender = AnimeRecommender.load(Paths.of(name))
    catalogue = recommender.catalogue
    filters = filters.spelled(catalogue)
    profile = _profile(titles or [], list_file, catalogue, name, scale)
    if others:
        people = [("you", profile), *(_called(text, catalogue, name, scale) for text in others)]
        frame = recommender.for_group([one for _, one in people], k, model, filters, again)
        terminal.print_group(frame, [who for who, _ in people], format)
        _remark(frame.attrs["note"])
    elif shelves:
        about = None if because is None else _named(because, catalogue)
        frames = recommender.shelves(shelves, profile, k, model, filters, about, seed)
        terminal.print_shelves(frames, format)
        for frame in frames.values():
            _remark(frame.attrs["note"] and f"{frame.attrs['heading']}: {frame.attrs['note']}")
    elif where is not None:
        anime_id = _named(where, catalogue)
        found = recommender.whereabouts(profile, anime_id, model, filters)
        terminal.print_whereabouts(found, recommender.anime.at[anime_id, "title"], format)
    else:
        frame = recommender.recommend(profile, k=k, model=model, filters=filters)
        mixture = recommender.segment_mixture(profile)
        _remark(mixture.text if mixture else "")
        _remark(frame.attrs["note"])
        terminal.print_frame(frame, format)


def _recommend_to_all(
    paths: Paths,
    out: Path,
    k: int,
    model: str | None,
    filters,
    scheduler: str | None,
    workers: int | None,
) -> None:
    """Recommend to every user of a dataset, and say how it went."""
    from anirec.cluster import engine_of
    from anirec.recommender.batch import recommend_to_dataset

    with engine_of(scheduler, workers, _remark) as engine:
        typer.echo(recommend_to_dataset(paths, out, k, engine, model, filters))


def _profile(titles: list[str], called: str | None, catalogue, dataset: str, scale: str | None):
    """Return what somebody says by their list and by titles."""
    from anirec.lists import entry_of
    from anirec.profiles import Profile

    profile = Profile() if called is None else _called(called, catalogue, dataset, scale)[1]
    for text in titles:
        anime_id, entry, remark = entry_of(text, catalogue, scale)
        _remark(remark)
        profile = profile.set(anime_id, rating=entry.rating, liked=entry.liked)
    return profile


def _called(text: str, catalogue, dataset: str, scale: str | None):
    """Return the name of a list that somebody means, and what it says; remark on how it is read."""
    from anirec.lists.called import list_called
    from anirec.profiles import ProfileStore

    found = list_called(text, catalogue, ProfileStore.file_of(dataset), scale)
    _remark(found.text)
    return found.name, found.profile


def _named(title: str, catalogue) -> int:
    """Return the anime meant by a title; remark where it is not what was written."""
    from anirec.lists import anime_named

    anime_id, remark = anime_named(title, catalogue)
    _remark(remark)
    return anime_id


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
    from anirec.lists.called import read_file
    from anirec.terminal import print_frame, print_json

    check_format(format)
    name = chosen_dataset(None, dataset) or Dataset.SAMPLE.value
    table = Paths.of(name).processed / "anime.parquet"
    if not table.is_file():
        raise InputError(f"{name} is not ingested yet: run 'anirec ingest {name}' first")
    imported = read_file(file, Catalogue.load(table), scale)
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
    from anirec.recommender import AnimeRecommender
    from anirec.terminal import print_frame

    check_format(format)
    recommender = AnimeRecommender.load(Paths.of(chosen_dataset(None, dataset) or Dataset.SAMPLE))
    anime_id = _named(title, recommender.catalogue)
    print_frame(recommender.similar(anime_id, k=k, model=model), format)
