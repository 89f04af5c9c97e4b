"""What follows the events: the sums of the models, and the versions made from them."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from anirec.catalogue import Catalogue
from anirec.catalogue.features import ItemFeatures, item_features
from anirec.config import InputError, Paths
from anirec.events.community import Community
from anirec.events.store import EventStore
from anirec.events.versions import CATALOGUE, Version, Versions, fingerprint
from anirec.files import link_or_copy, read_json, write_text
from anirec.interactions import positions
from anirec.models import HybridEASE, TwoStage, load_model
from anirec.models.following import FollowingModels

log = logging.getLogger(__name__)

STATE = "state"
AT = "at.json"

REPLAY_S = 20.0
"""Seconds of following that a new snapshot saves the next start, from which one is written."""


@dataclass(frozen=True)
class Followed:
    """What one round of following did: lists and anime that changed, how, and what is served."""

    users: int
    anime: int
    way: str
    seconds: float
    version: Version


class Follower:
    """Keeps a dataset's served models up with its events.

    The sums lie in a snapshot, checked when it is read, which knows the events up to a number;
    those since are replayed. Without a whole snapshot of the present run's models the sums are made
    from all lists.

    Parameters
    ----------
    paths : the dataset's folders.
    store : its events.
    say : told what takes long.

    Raises
    ------
    InputError
        If the dataset has no fitted models.
    """

    def __init__(self, paths: Paths, store: EventStore, say: Callable[[str], None]) -> None:
        if not (paths.models / HybridEASE.NAME / "model.json").is_file():
            raise InputError(
                f"no fitted models for {paths.dataset}: run 'anirec run --dataset {paths.dataset}'"
            )
        self.paths = paths
        self.store = store
        self.say = say
        self.versions = Versions(paths)
        self.versions.clean()
        self.community = Community(paths, store)
        self._base = fingerprint(
            *paths.models.glob("*/model.json"), self.community.ratings, self.community.anime
        )
        self._folder = self.versions.folder / STATE
        self._unsaved_s = 0.0
        self._deleted = False
        self.seq = 0
        self.models = self._loaded() or self._begun()

    @property
    def is_behind(self) -> bool:
        """Whether there are events that no version was made of yet."""
        return self.versions.seen != self.store.last

    def catch_up(self) -> Followed:
        """Follow all events there are, and serve the result."""
        start = time.perf_counter()
        until = self.store.last
        users, fresh, way = self._follow(until)
        models = self.models.models()
        catalogue = self.community.catalogue(until) if self.store.facts(until) else None

        def write(folder: Path) -> None:
            for name, model in models.items():
                model.save(folder / name)
            if catalogue is not None:
                self._write_catalogue(catalogue, folder / CATALOGUE)

        version = self.versions.publish(write, until)
        seconds = time.perf_counter() - start
        return Followed(users, fresh, way, seconds, version)

    def _write_catalogue(self, catalogue: pa.Table, table: Path) -> None:
        """Write the anime table, and what is told from it; linked where it is as it was."""
        pq.write_table(catalogue, table)
        old = self.versions.current().file(CATALOGUE)
        if old is not None and old.read_bytes() == table.read_bytes():
            for file in old.parent.glob("*.npz"):
                link_or_copy(file, table.with_name(file.name))
        Catalogue.load(table)

    def save_if_worth_it(self) -> None:
        """Write a snapshot if replaying what it lacks would take long, or an account was deleted:
        once the sums on disk are without it, so is the store."""
        if self._unsaved_s >= REPLAY_S or self._deleted:
            self.save()
            self.store.forget(self.seq)
            self._deleted = False

    def save(self) -> None:
        """Write a snapshot of the sums as they are."""
        folder = self._folder / f"{self.seq:012d}"
        shutil.rmtree(folder, ignore_errors=True)
        self.models.save(folder)
        # Its description comes last: a snapshot without one is not whole.
        write_text(folder / AT, f'{{"seq": {self.seq}, "base": "{self._base}"}}\n')
        for old in set(self._folder.glob("*")) - {folder}:
            shutil.rmtree(old, ignore_errors=True)
        self._unsaved_s = 0.0

    def _loaded(self) -> FollowingModels | None:
        """Return the sums of the last whole snapshot; None if there is none."""
        for folder in sorted(self._folder.glob("*"), reverse=True):
            if not (folder / AT).is_file():  # whoever wrote it died meanwhile
                shutil.rmtree(folder, ignore_errors=True)
                continue
            try:
                at = read_json(folder / AT)
            except ValueError:
                at = {}
            if at.get("base") != self._base or at["seq"] > self.store.last:
                continue
            try:
                models = FollowingModels.load(folder, self._two_stage(), None)
            except InputError as damaged:
                self.say(f"{damaged}; making the sums anew")
                continue
            self.seq = at["seq"]
            models.features = self._features(self.seq, models.anime_ids)
            return models
        return None

    def _begun(self) -> FollowingModels:
        until = self.store.last
        self.say("summing up everybody's lists (once for each run's models)")
        ids = self._ids(until, self.community.base_ids())
        lists = self.community.lists(until, ids)
        run = {HybridEASE.NAME: load_model(self.paths.models / HybridEASE.NAME)}
        if (two_stage := self._two_stage()) is not None:
            run[TwoStage.NAME] = two_stage
        self.seq = until
        start = time.perf_counter()
        models = FollowingModels.begin(run, lists, self._features(until, ids))
        self._unsaved_s = REPLAY_S
        self.say(f"{lists.shape[0]:,} lists summed up in {time.perf_counter() - start:.0f} s")
        return models

    def _two_stage(self) -> TwoStage | None:
        folder = self.paths.models / TwoStage.NAME
        return load_model(folder) if (folder / "model.json").is_file() else None

    def _follow(self, until: int) -> tuple[int, int, str]:
        """Bring the sums up to some number of events: lists and anime changed, and how."""
        if until <= self.seq:
            return 0, 0, "nothing"
        start = time.perf_counter()
        old = self.models.anime_ids
        ids = self._ids(until, old)
        users = set(self.store.users_between(self.seq, until))
        self._deleted |= self.store.deletes_between(self.seq, until)
        fresh = ids[~positions(old, ids)[1]]
        if len(fresh):
            users |= set(self.store.users_with(fresh, until))
        if len(fresh) or self.store.says_of_catalogue(self.seq, until):
            self.models.follow_catalogue(self._features(until, ids))
        way = "nothing"
        if users:
            whose = sorted(users)
            before = self.community.lists(self.seq, ids, whose, known=old)
            after = self.community.lists(until, ids, whose)
            way = self.models.partial_fit(after, before)
        self.seq = until
        self._unsaved_s += time.perf_counter() - start
        return len(users), len(fresh), way

    def _ids(self, until: int, known: np.ndarray) -> np.ndarray:
        """Return the anime with a column: those known, and those that events brought up and the
        catalogue has."""
        named = np.array(self.store.anime_between(self.seq, until), dtype=known.dtype)
        catalogue = self.community.catalogue(until).column("anime_id").to_numpy()
        return np.union1d(known, np.intersect1d(named, catalogue)).astype(known.dtype)

    def _features(self, until: int, ids: np.ndarray) -> ItemFeatures:
        return item_features(self._catalogue(until), ids)

    def _catalogue(self, until: int) -> pd.DataFrame:
        return self.community.catalogue(until).to_pandas()
