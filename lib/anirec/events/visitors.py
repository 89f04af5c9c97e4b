"""Lists kept on the page as events: of those visitors who let the models learn from them."""

from __future__ import annotations

import time

from anirec.datasets.parsing import STATUSES
from anirec.events.community import Community
from anirec.events.event import Event
from anirec.events.store import EventStore
from anirec.profiles import Entry, Profile, ProfileStore

FIRST = 2_000_000_000
"""Users from this number on are visitors of the page: their lists' numbers follow it."""


def take_in(profiles: ProfileStore, store: EventStore, community: Community) -> int:
    """Make events of what changed on the lists that teach; return how many.

    A list whose owner takes the consent back, or that was deleted, is a deleted account. Only
    which anime, how rated and how far watched is taken over.
    """
    now = int(time.time() * 1e6)
    teaching = {FIRST + number: _told(list_) for number, list_ in profiles.teaching().items()}
    users = sorted({*teaching, *store.users_from(FIRST)})
    kept: dict[int, dict[int, tuple]] = {user: {} for user in users}
    for user, anime, rating, status in community.entries(store.last, users).itertuples(index=False):
        rated = None if rating != rating else int(rating)
        kept[user][anime] = rated, status if isinstance(status, str) else None
    events = []
    for user, known in kept.items():
        told = teaching.get(user)
        if told is None:
            events += [Event("delete-user", now, user)] if known else []
            continue
        events += [
            Event("set", now, user, anime, rating, status)
            for anime, (rating, status) in told.items()
            if known.get(anime) != (rating, status)
        ]
        events += [Event("delete-entry", now, user, anime) for anime in set(known) - set(told)]
    return store.append(events) if events else 0


def _told(profile: Profile) -> dict[int, tuple[int | None, str | None]]:
    """Return rating and status by anime of what a list says of its owner's taste."""
    return {
        int(anime_id): (_rating(entry), entry.status if entry.status in STATUSES else None)
        for anime_id, entry in profile.items()
        if _counts(entry)
    }


def _counts(entry: Entry) -> bool:
    """Return whether an entry stands for something watched: "not for me" alone does not."""
    return entry.watched and (entry.liked is not False or entry.rating is not None)


def _rating(entry: Entry) -> int | None:
    return None if entry.stands_for is None else round(entry.stands_for)
