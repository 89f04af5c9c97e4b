"""The work of ``anirec update``: events taken in durably, models that follow while it goes on."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from anirec.config import InputError, Paths
from anirec.events.event import NOBODY, Event
from anirec.events.follower import Followed, Follower
from anirec.events.reading import PIPE, Reader, files_of, parsed
from anirec.events.store import EventStore, file_of
from anirec.events.visitors import take_in as take_in_visitors
from anirec.files import locked
from anirec.models import HybridEASE
from anirec.profiles import ProfileStore

log = logging.getLogger(__name__)

QUIET_S = 0.1
"""Seconds to wait before a source that had nothing new is looked at again."""

ROUND_S = 1.0
"""Seconds from one version to the next at least."""

Say = Callable[[str], None]
Told = Callable[[str, int, str | None], None]


AfterRound = Callable[[Follower], Follower]


def update(
    paths: Paths,
    source: str | None,
    say: Say,
    told: Told,
    after_round: AfterRound = lambda follower: follower,
    visitors: ProfileStore | None = None,
) -> Follower | None:
    """Take in all events of a source, let the models follow, and serve the result.

    Parameters
    ----------
    paths : the dataset's folders.
    source : a file, a folder, ``-`` for a pipe, or None: nothing new, the models alone follow.
    say : told what happens.
    told : see `Reader`.
    after_round : called when models have followed; returns what follows on.
    visitors : lists of the page: those whose owners agreed teach the models.

    Raises
    ------
    InputError
        If another process updates the dataset, the source cannot be read, or nothing can be
        written; what was acknowledged is kept.
    """
    with _sole(paths):
        store = EventStore.of(paths.dataset)
        if source is not None:
            reader = Reader(store, told)
            reader.take_rest(source)
            say(str(reader.account))
        if not _fitted(paths):
            say("no fitted models yet: the events count once 'anirec run' made some")
            return None
        follower = Follower(paths, store, say)
        if source is None and not follower.is_behind:
            say(f"serving {follower.versions.current()}")
        return _round(follower, say, after_round, visitors)


def follow(
    paths: Paths,
    source: str | None,
    say: Say,
    told: Told,
    after_round: AfterRound = lambda follower: follower,
    visitors: ProfileStore | None = None,
) -> None:
    """Take in events as they come, and serve versions that know them, until told to stop.

    It stops at the end of a pipe and when the process is interrupted or terminated, with all that
    was taken in served. Events are taken in while models follow; a source is read no faster than
    its events reach the disk.

    Parameters
    ----------
    after_round : called after each round of following; returns what follows on.
    """
    with _sole(paths), _stopping() as stop:
        store = EventStore.of(paths.dataset)
        reader = Reader(store, told)
        failed: list[Exception] = []

        def take_in() -> None:
            try:
                while not stop.is_set() and not reader.ended:
                    if source is None or not reader.take(source):
                        stop.wait(QUIET_S)
            except Exception as error:  # raised again by the thread that waits
                failed.append(error)
            finally:
                stop.set()

        taking = threading.Thread(target=take_in, name="events", daemon=True)
        taking.start()
        say(f"following {source or 'the lists of the page'} (Ctrl-C stops it)")
        follower = Follower(paths, EventStore.of(paths.dataset), say) if _fitted(paths) else None
        if follower is None:
            say("no fitted models yet: events are kept; they count once 'anirec run' made some")
        try:
            while not stop.is_set():
                started = time.monotonic()
                follower = _round(follower, say, after_round, visitors)
                stop.wait(max(0.0, ROUND_S - (time.monotonic() - started)))
        finally:
            stop.set()
            if source != PIPE or reader.ended:  # one blocked on a pipe ends with the process
                taking.join()
        _round(follower, say, lambda last: last)
        say(str(reader.account))
        if failed:
            raise failed[0]


def dry_run(paths: Paths, source: str, say: Say, told: Told) -> None:
    """Say what a source would change, and change nothing."""
    store = EventStore.of(paths.dataset) if file_of(paths.dataset).is_file() else None
    ops: Counter[str] = Counter()
    users: set[int] = set()
    anime: set[int] = set()
    known = rejected = 0
    for file in files_of(source):
        for line, event in parsed(file):
            if not isinstance(event, Event):
                rejected += 1
                told(str(file), line, event)
            elif store is not None and store.has(event):
                known += 1
            else:
                ops[event.op] += 1
                if event.user == NOBODY:
                    anime.add(event.anime)
                else:
                    users.add(event.user)
    say(
        f"{ops['set']:,} entries would be set and {ops['delete-entry']:,} deleted, "
        f"{ops['delete-user']:,} accounts deleted, on {len(users):,} lists; facts of "
        f"{len(anime):,} anime would be taken in; {known:,} events are known already, "
        f"{rejected:,} lines would be rejected. Nothing was changed."
    )


def begun_anew(follower: Follower, say: Say) -> Follower:
    """Return what follows the models of a new run in place of the old one's."""
    fresh = Follower(follower.paths, follower.store, say)
    say(_sentence(fresh.catch_up()))
    fresh.save_if_worth_it()
    return fresh


def _round(
    follower: Follower | None,
    say: Say,
    after_round: AfterRound,
    visitors: ProfileStore | None = None,
) -> Follower | None:
    if follower is None:
        return None
    try:
        if visitors is not None:
            take_in_visitors(visitors, follower.store, follower.community)
        if follower.is_behind:
            say(_sentence(follower.catch_up()))
        follower.save_if_worth_it()
    except OSError as error:
        raise InputError(
            f"{follower.versions.folder} cannot be written ({error.strerror or error}): "
            "make room and start again; what was acknowledged is kept"
        ) from error
    return after_round(follower)


def _sentence(followed: Followed) -> str:
    changed = f"{followed.users:,} lists" + (
        f", {followed.anime:,} new anime" * bool(followed.anime)
    )
    how = {"low rank": "updated", "solve": "solved anew", "nothing": "unchanged"}[followed.way]
    return f"serving {followed.version}: {changed}, weights {how}, in {followed.seconds:.1f} s"


def _fitted(paths: Paths) -> bool:
    return (paths.models / HybridEASE.NAME / "model.json").is_file()


def _sole(paths: Paths):
    """Return the lock of whoever updates a dataset."""
    file = file_of(paths.dataset)
    return locked(
        Path(f"{file}.lock"),
        f"another 'anirec update' is at work on {paths.dataset}: wait for it or stop it",
    )


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Yield an event that SIGINT and SIGTERM set meanwhile."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
