"""The recommender of the latest version, for what goes on running while versions change."""

from __future__ import annotations

import logging
import time

from anirec.config import InputError, Paths
from anirec.events.versions import Versions
from anirec.recommender.recommender import PREFERRED_SIMILAR, AnimeRecommender

log = logging.getLogger(__name__)

LOOKED_S = 1.0
"""Seconds for which it is not looked again whether there is another version."""


class LatestRecommender:
    """An `AnimeRecommender` of the version that is served now: has all that one has.

    Each use begins by a look at whether another version is served; if so that one is loaded, with
    the models that rank, before the old one is let go. A call that has begun ends with the version
    it began with. Where the new one cannot be loaded (it is being written, or was replaced in that
    moment) the old one serves on, and it is tried again.

    Parameters
    ----------
    paths : the dataset's folders.

    Raises
    ------
    InputError
        If the dataset was not run yet.
    """

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._versions = Versions(paths)
        self._said = self._saying()
        self._recommender = AnimeRecommender.load(paths)
        self._looked = time.monotonic()

    def __getattr__(self, name: str):
        return getattr(self.now(), name)

    def now(self) -> AnimeRecommender:
        """Return the recommender of the version served now."""
        if time.monotonic() - self._looked >= LOOKED_S:
            said = self._saying()
            if said != self._said:
                self._switch(said)
            self._looked = time.monotonic()
        return self._recommender

    def _switch(self, said: tuple) -> None:
        try:
            fresh = AnimeRecommender.load(self._paths)
            similar = (name for name in PREFERRED_SIMILAR if name in fresh.fitted)
            for name in (fresh.default_model, next(similar, fresh.default_model)):
                fresh.model(name)
            for name in self._recommender.in_use:
                if name in fresh.fitted:
                    fresh.model(name)
        except (InputError, OSError) as error:
            log.warning("%s cannot be loaded: %s", self._versions.current(), error)
            return
        self._recommender, self._said = fresh, said

    def _saying(self) -> tuple:
        """Return what changes when another version is served."""
        try:
            about = self._versions.pointer.stat()
        except FileNotFoundError:
            return (self._versions.base,)
        return about.st_ino, about.st_mtime_ns, self._versions.base
