"""A person's list while they use it: what it says, where it is kept, and what is done to it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from anirec.profiles.merging import Merged, Rule, merge
from anirec.profiles.profile import DISLIKED_BELOW, Entry, Profile
from anirec.profiles.store import (
    Deleted,
    ProfileStore,
    StoredProfile,
    UnknownProfile,
    new_token,
)

RESTORABLE_S = 10 * 60
"""So long after a list was deleted it can be brought back, from memory."""

FIRST_NAME = "My list"
"""The name under which a list is kept on one's own machine before the person names one."""


class Place(StrEnum):
    """Where a list is kept. What a page says of it is said from this alone."""

    ADDRESS = "address"
    """In the store, under a token that an address holds."""
    NAME = "name"
    """In the store, under a name."""
    TO_COME = "to come"
    """Nowhere yet; from the first change on, in the store."""
    NOWHERE = "nowhere"
    """Nowhere: it lasts as long as this session."""
    DELETED = "deleted"
    """Nowhere: it was deleted here, and can be brought back for a while."""
    GONE = "gone"
    """Nowhere: it was deleted elsewhere, in another tab."""


@dataclass(frozen=True)
class _Remnant:
    """A list that was deleted here, and how it was kept."""

    deleted: Deleted
    store: ProfileStore
    place: Place
    token: str | None
    at: float


class ListSession:
    """A person's list: its profile, where it is kept, and everything that is done to it.

    Whatever is done is kept at once where the list is kept, and is done there to what the list
    says now, by whomever. Several sessions may share a list: `follow` takes over what the others
    did, `undo` takes back this session's own.

    Each change that this session sees makes a new `generation`. Whoever acts on what a page showed
    passes the generation it showed as ``seen``: what comes late, since the anime's entry changed
    meanwhile, does nothing. A second click on a button that did its work is such a one.

    Parameters
    ----------
    store : where the list is kept from the first change on, under a name or under a token; None
        keeps it nowhere.
    named : whether lists are kept under names, on one's own machine, and not under tokens.
    author : whose changes `undo` takes back; one of this session's own if empty.
    token : under which a list that is kept nowhere yet will be kept; a new one if None.

    Attributes
    ----------
    profile : `Profile`, the list as this session last saw it.
    place : `Place`, where it is kept.
    name : the name it is kept under, else None.
    token : what opens the list, once it is kept under one; None where that is not known.
    generation : int, grows with each change that this session sees.
    """

    def __init__(
        self,
        store: ProfileStore | None = None,
        named: bool = False,
        author: str = "",
        token: str | None = None,
    ) -> None:
        self.store = store
        self.named = named
        self.author = author or secrets.token_urlsafe(8)
        self.generation = 0
        self.profile = Profile()
        self._changed_at: dict[int, int] = {}
        self._remnant: _Remnant | None = None
        self._token_to_come = token
        self._start(Place.NOWHERE if store is None else Place.TO_COME)

    # --- which list

    def open(self, token: str) -> None:
        """Use the list that a token opens. Raises UnknownProfile if there is none."""
        self._use(self.store.open(token), Place.ADDRESS, token=token)

    def choose(self, name: str | None) -> None:
        """Use the list of that name, or, if None, an empty one that is kept nowhere.

        Raises
        ------
        UnknownProfile
            If no list has that name (any more); this list stays in use.
        """
        if name is None:
            self._start(Place.NOWHERE)
        else:
            kept = self.store.named(name)
            self._use(kept, Place.NAME, name=kept.name())

    def keep_as(self, name: str) -> None:
        """Keep under a new name what is kept nowhere; otherwise use a new, empty list of that name.

        Raises
        ------
        InputError
            If the name is empty or taken; nothing is changed then.
        """
        loose = self.place not in (Place.NAME, Place.ADDRESS)
        kept = self.store.create_named(name, self.profile if loose else None)
        self._use(kept, Place.NAME, name=kept.name())

    def names(self) -> list[str]:
        """Return the names of the lists that can be chosen."""
        return self.store.names() if self.store and self.named else []

    def as_author(self, author: str) -> None:
        """Take back, with `undo`, the changes of ``author``: of the same tab before a reload."""
        self.author = author
        self._kept = self._kept.by(author)

    # --- what is done to it

    def set(self, anime_id: int, seen: int | None = None, **changes: object) -> bool:
        """Add an entry or change some of its values (see `Entry`); return whether it was done."""
        if self.late(anime_id, seen):
            return False
        return self._done(lambda kept: kept.set(anime_id, **changes))

    def add(self, anime_id: int, seen: int | None = None, **values: object) -> bool:
        """Add an entry; return whether it was done. What is on the list stays as it is."""
        if anime_id in self.profile:
            return False
        return self.set(anime_id, seen, **values)

    def rate(self, anime_id: int, rating: float | None, seen: int | None = None) -> bool:
        """Set or clear a rating; it says more than a thumb, which it replaces."""
        return self.set(anime_id, seen, rating=rating, liked=None)

    def thumb(self, anime_id: int, liked: bool | None, seen: int | None = None) -> bool:
        """Set or clear a thumb; a rating that says the opposite goes."""
        changes: dict[str, object] = {"liked": liked}
        rating = self.profile.get(anime_id, Entry()).rating
        if liked is not None and rating is not None and (rating < DISLIKED_BELOW) == liked:
            changes["rating"] = None
        return self.set(anime_id, seen, **changes)

    def remove(self, anime_id: int, seen: int | None = None) -> bool:
        """Take an anime off the list; return whether it was done."""
        if anime_id not in self.profile or self.late(anime_id, seen):
            return False
        return self._done(lambda kept: kept.remove(anime_id))

    def preview(self, imported: Profile) -> dict[Rule, Merged]:
        """Return what taking in an import would do, by each rule that does something of its own.

        Raises
        ------
        InputError
            If the list would become too long by the first of them.
        """
        by_rule = {rule: merge(self.profile, imported, rule) for rule in Rule}
        found: dict[Rule, Merged] = {}
        for rule, merged in by_rule.items():
            if merged.profile not in [other.profile for other in found.values()]:
                found[rule] = merged
        return found

    def take_in(self, imported: Profile, rule: Rule = Rule.MERGE) -> bool:
        """Take in an import as one change, by a rule; return whether anything is different."""
        return self._done(lambda kept: kept.take_in(imported, rule))

    def undo(self, seen: int | None = None) -> bool:
        """Take back this session's last change, if there is one; return whether it was done."""
        if seen is not None and seen < self.generation:
            return False
        return self._done(lambda kept: kept.undo(), keep=False)

    def late(self, anime_id: int, seen: int | None) -> bool:
        """Return whether an entry changed after the generation that somebody acts on."""
        return seen is not None and self._changed_at.get(anime_id, 0) > seen

    @property
    def can_undo(self) -> bool:
        """Whether there is a change of this session's own to take back."""
        return self._asked(lambda kept: kept.can_undo(), False)

    # --- what others get of it

    @property
    def teaches(self) -> bool:
        """Whether the models may learn from the list."""
        try:
            return self.place in (Place.ADDRESS, Place.NAME) and self._kept.teaches()
        except UnknownProfile:
            return False

    def teach(self, on: bool) -> None:
        """Let the models learn from the list as it is kept, or no longer."""
        if self.place in (Place.ADDRESS, Place.NAME):
            try:
                self._kept.teach(on)
            except UnknownProfile:
                self._lost()

    # --- the end of it

    def delete(self) -> None:
        """Delete everything that is kept of the list; `restore` brings it back for a while.

        Where it is gone already nothing is left to delete, and nothing is raised.
        """
        if self.place in (Place.DELETED, Place.GONE) and not self.profile:
            return
        try:
            deleted = self._kept.delete()
        except UnknownProfile:
            self._lost()
            return
        was = _Remnant(deleted, self._kept.store, self.place, self.token, time.monotonic())
        self._start(Place.DELETED)
        self._remnant = was

    @property
    def can_restore(self) -> bool:
        """Whether the list that was deleted here can be brought back still."""
        if self._remnant is None or self.place != Place.DELETED:
            return False
        return time.monotonic() - self._remnant.at < RESTORABLE_S

    def restore(self) -> bool:
        """Bring back the list that was deleted here, with what was said since; return whether."""
        if not self.can_restore:
            return False
        was, since = self._remnant, self.profile
        kept = was.store.restore(was.deleted)
        if since or since.unresolved:
            kept.update(since.entries, since.unresolved)
        self._use(kept, was.place, name=was.deleted.name, token=was.token)
        return True

    # --- what others did

    def follow(self) -> bool:
        """Take over what others did to the list; return whether anything is different."""
        stamp = self._stamp()
        if stamp == self._followed:
            return False
        self._followed = stamp
        before = self.generation, self.place
        revision = self._asked(lambda kept: kept.revision(), self._revision)
        if revision != self._revision:
            self._revision = revision
            self._show(self._asked(lambda kept: kept.read(), Profile()))
        return before != (self.generation, self.place)

    # --- how it is kept

    def _start(self, place: Place) -> None:
        """Use an empty list that is kept nowhere (yet)."""
        self._use(ProfileStore(None).create()[0], place)

    def _use(
        self, kept: StoredProfile, place: Place, name: str | None = None, token: str | None = None
    ) -> None:
        self._kept, self._remnant = kept.by(self.author), None
        self.place, self.name, self.token = place, name, token
        self._revision = self._kept.revision()
        self._followed = self._stamp()
        self._show(self._kept.read())

    def _stamp(self) -> tuple[int, ...]:
        return self._kept.store.stamp()

    def _done(self, change: Callable[[StoredProfile], Profile], keep: bool = True) -> bool:
        """Make a change where the list is kept; return whether anything is different.

        Raises
        ------
        UnknownProfile
            If the list was deleted elsewhere; `place` says so from then on.
        """
        if keep and self.place == Place.TO_COME:
            self._keep()
        before = self.generation
        try:
            profile = change(self._kept)
            self._revision = self._kept.revision()
        except UnknownProfile:
            self._lost()
            raise UnknownProfile(
                "this list was deleted in another tab: nothing of it is kept any more"
            ) from None
        self._show(profile)
        return self.generation != before

    def _keep(self) -> None:
        """Keep from now on, under a new token or a first name, what was kept nowhere."""
        if not self.named:
            token = self._token_to_come or new_token()
            kept, _ = self.store.create(token=token)
            self._use(kept, Place.ADDRESS, token=token)
            return
        names, number = set(self.store.names()), 1
        while (name := FIRST_NAME if number == 1 else f"{FIRST_NAME} {number}") in names:
            number += 1
        self._use(self.store.create_named(name), Place.NAME, name=name)

    def _asked(self, question: Callable[[StoredProfile], object], otherwise: object):
        """Return what the kept list answers, ``otherwise`` where it was deleted elsewhere."""
        try:
            return question(self._kept)
        except UnknownProfile:
            self._lost()
            return otherwise

    def _lost(self) -> None:
        self._start(Place.GONE)

    def _show(self, profile: Profile) -> None:
        """Take over a profile, and note which entries of it changed."""
        differ = _differences(self.profile.entries, profile.entries)
        if differ or profile.unresolved != self.profile.unresolved:
            self.generation += 1
            self._changed_at |= dict.fromkeys(differ, self.generation)
        self.profile = profile


def _differences(old: Mapping[int, Entry], new: Mapping[int, Entry]) -> list[int]:
    return [a for a in {**old, **new} if old.get(a) != new.get(a)]
