"""A list that is kept nowhere, with what a stored one offers."""

from __future__ import annotations

from collections.abc import Mapping

from anirec.profiles.profile import Entry, Profile, Unresolved


class Unkept:
    """A list that is kept nowhere, with what `StoredProfile` offers for one that is."""

    def __init__(self) -> None:
        self._past = [Profile()]

    def read(self) -> Profile:
        return self._past[-1]

    def set(self, anime_id: int, **changes: object) -> Profile:
        return self._made(self.read().set(anime_id, **changes))

    def remove(self, anime_id: int) -> Profile:
        return self._made(self.read().remove(anime_id))

    def update(
        self, entries: Mapping[int, Entry], unresolved: tuple[Unresolved, ...] = ()
    ) -> Profile:
        return self._made(Profile({**self.read().entries, **entries}, unresolved))

    def undo(self) -> Profile:
        if self.can_undo():
            self._past.pop()
        return self.read()

    def can_undo(self) -> bool:
        return len(self._past) > 1

    def delete(self) -> None:
        self._past = [Profile()]

    def _made(self, profile: Profile) -> Profile:
        self._past.append(profile)
        return profile
