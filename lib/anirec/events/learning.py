"""When models are learned anew from all lists, and what that begins with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from anirec.config import InputError, Paths
from anirec.events.community import Community
from anirec.events.follower import Follower
from anirec.events.store import EventStore
from anirec.events.versions import Versions
from anirec.files import read_json, write_text

NIGHT = 3
"""The hour, local time, from which the night's learning may begin."""

LEARNED = "learned.json"


@dataclass(frozen=True)
class Schedule:
    """When the models are learned anew: now, nightly, or once a share of the lists changed.

    Attributes
    ----------
    share : of all lists, changed since the models were learned; 0 is now.
    nightly : once a day, if anything changed.
    """

    share: float = 0.0
    nightly: bool = False

    @classmethod
    def of(cls, text: str) -> Self:
        """Read ``now``, ``nightly`` or a share above 0. Raises InputError for anything else."""
        if text in ("now", "nightly"):
            return cls(nightly=text == "nightly")
        try:
            share = float(text)
        except ValueError:
            share = -1
        if not 0 < share <= 1:
            raise InputError(
                f"--refit {text!r} is neither now, nightly nor a share of changed lists as 0.05"
            )
        return cls(share)

    def is_due(self, changed: float, learned: datetime, now: datetime) -> bool:
        """Return whether it is time.

        ``changed`` is the share of lists that changed since the models were learned, at
        ``learned``.
        """
        if self.nightly:
            return changed > 0 and now.date() > learned.date() and now.hour >= NIGHT
        return changed >= self.share


def learn_if_due(
    paths: Paths, schedule: Schedule, follower: Follower, learn: Callable[[], None]
) -> bool:
    """Learn a dataset's models anew if it is time; return whether that was done.

    The canonical tables are written with the events first; ``learn`` makes models of them.
    """
    store, versions = follower.store, follower.versions
    since, learned = _learned(paths, versions)
    changed = len(store.users_between(since, store.last)) / max(follower.models.n_users, 1)
    if not schedule.is_due(changed, learned, datetime.now()):
        return False
    until = store.last
    Community(paths, EventStore.of(paths.dataset)).write_tables(until)
    learn()
    now = datetime.now().isoformat(timespec="seconds")
    told = {"base": versions.base, "seq": until, "time": now}
    write_text(versions.folder / LEARNED, json.dumps(told) + "\n")
    return True


def _learned(paths: Paths, versions: Versions) -> tuple[int, datetime]:
    """Return the number of the last event that the run's models learned from, and when."""
    told = read_json(versions.folder / LEARNED)
    if told.get("base") == versions.base:
        return told["seq"], datetime.fromisoformat(told["time"])
    written = max(file.stat().st_mtime for file in paths.models.glob("*/model.json"))
    return 0, datetime.fromtimestamp(written)
