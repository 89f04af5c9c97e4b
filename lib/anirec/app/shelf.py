"""Which shelf of recommendations a box shows, and what it is made from."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from anirec.catalogue.filters import Filters
from anirec.config import InputError
from anirec.profiles import Profile
from anirec.recommender import AnimeRecommender, LatestRecommender
from anirec.recommender.shelves import SHELVES

NEW, BECAUSE, SURPRISE = "new", "because", "surprise"
FOR_LIST, ALIKE, SEGMENT, GROUP = "list", "similar", "segment", "group"

LABELS = {
    NEW: SHELVES[NEW].heading,
    FOR_LIST: "For you, all parts",
    **{
        name: text.heading.format(verb="liked", title="…")
        for name, text in SHELVES.items()
        if name != NEW
    },
    ALIKE: "Like one title",
    SEGMENT: "A segment's taste",
    GROUP: "For all of us",
}
"""The shelves of the engine, by their short names, and those that only a box has."""

OF_THE_LIST = (FOR_LIST, *(name for name in SHELVES if name not in (BECAUSE, SURPRISE)))
"""Shelves that are made from the list alone, and explained by it."""

ANCHORS = 12
MOST_FRIENDS = 7


class ShelfShown:
    """The shelf that is shown: its name, and what was chosen with it.

    Attributes
    ----------
    name : one of `LABELS`.
    model : the model that ranks.
    anchor : the anime that others are compared with; None until one is chosen.
    liked : the title of the list that "because you liked" is about; None for the first of them.
    segment : the segment whose taste is shown.
    seed : which surprise.
    friends : the other people of a group: what each is called, and their list.
    rewatch : whether what somebody of them has seen may come.
    """

    def __init__(self, recommender: AnimeRecommender | LatestRecommender) -> None:
        self.recommender = recommender
        self.name = NEW
        self.model = recommender.default_model
        self.anchor: int | None = None
        self.liked: int | None = None
        self.segment = next(iter(recommender.segments), "")
        self.seed = 0
        self.friends: list[tuple[str, Profile]] = []
        self.rewatch = False

    @property
    def explains(self) -> bool:
        """Whether each recommendation can be explained from the list, exactly."""
        return self.name in OF_THE_LIST

    @property
    def friends_names(self) -> list[str]:
        return [name for name, _ in self.friends]

    def choose(self, name: str) -> None:
        """Show another shelf. Raises InputError if there is none of that name."""
        if name not in LABELS or (name == SEGMENT and not self.recommender.segments):
            raise InputError("there is no such shelf")
        if name == GROUP and not self.friends:
            raise InputError("a group has two people or more: add another list")
        self.name = name

    def add_friend(self, name: str, profile: Profile) -> None:
        """Add somebody to the group, and show what everybody likes."""
        if len(self.friends) >= MOST_FRIENDS:
            raise InputError(f"a group has at most {MOST_FRIENDS + 1} people")
        self.friends.append((name, profile))
        self.name = GROUP

    def remove_friend(self, place: int) -> None:
        if 0 <= place < len(self.friends):
            del self.friends[place]
        if not self.friends and self.name == GROUP:
            self.name = NEW

    def offered(self, profile: Profile) -> list[tuple[str, str]]:
        """Return the shelves that can hold something, by name with their label."""
        statuses = {entry.status for entry in profile.values()}
        going_on = any(e.finished or e.status == "watching" for e in profile.values())
        there = {
            **dict.fromkeys(OF_THE_LIST, bool(profile)),
            "next": going_on,
            "planned": "plan_to_watch" in statuses,
            BECAUSE: bool(profile) and bool(self.recommender.anchors(profile, k=1)),
            SURPRISE: True,
            ALIKE: True,
            SEGMENT: bool(self.recommender.segments),
            GROUP: bool(self.friends),
        }
        return [(name, label) for name, label in LABELS.items() if there[name] or name == self.name]

    def needs_titles(self, profile: Profile) -> bool:
        """Return whether there is nothing to go by yet."""
        if self.name == ALIKE:
            return self.anchor is None
        return not profile and self.name in (*OF_THE_LIST, BECAUSE)

    def recommended(self, profile: Profile, k: int, filters: Filters) -> pd.DataFrame | None:
        """Return what stands on the shelf; None where there is nothing to go by yet.

        Raises
        ------
        InputError
            If nothing can be recommended; the message says what to do.
        """
        if self.needs_titles(profile):
            return None
        engine, ranked = self.recommender, {"k": k, "model": self.model, "filters": filters}
        if self.name == ALIKE:
            return engine.similar(self.anchor, k=k, filters=filters)
        if self.name == SEGMENT:
            return engine.for_segment(self.segment, profile=profile, **ranked)
        if self.name == GROUP:
            return self._for_group(profile, ranked)
        if self.name == FOR_LIST:
            return engine.recommend(profile, **ranked)
        if self.name == SURPRISE and not profile:
            return engine.surprise(seed=self.seed, **ranked)
        because = self._liked(profile) if self.name == BECAUSE else None
        return engine.shelf(self.name, profile, because=because, seed=self.seed, **ranked)

    def _for_group(self, profile: Profile, ranked: dict[str, object]) -> pd.DataFrame:
        names = ["you", *self.friends_names]
        people = [profile, *(one for _, one in self.friends)]
        frame = self.recommender.for_group(people, again=self.rewatch, **ranked)
        told = []
        for reasons in frame["reasons"]:
            said = [f"for {name}, {why}" for name, why in zip(names, reasons, strict=True) if why]
            told.append("; ".join(said))
        return frame.assign(because=told, fit=frame["least"])

    def _liked(self, profile: Profile) -> int:
        """Return the title that "because you liked" is about. Raises InputError without one."""
        anchors = self.recommender.anchors(profile, k=ANCHORS)
        if self.liked in anchors:
            return self.liked
        if not anchors:
            raise InputError("nothing on your list is liked yet: rate a title or give it a heart")
        return anchors[0]

    def heading(self, title: Callable[[int], str]) -> str:
        """Return what the shelf is called; ``title`` names an anime by its id."""
        if self.name == ALIKE:
            return f"Similar to {title(self.anchor)}" if self.anchor else "Similar to …"
        if self.name == SEGMENT:
            return f"What {self.segment} likes"
        if self.name == GROUP:
            return f"For you and {', '.join(self.friends_names)}"
        return LABELS[self.name]

    def choice(self, profile: Profile, title: Callable[[int], str]) -> dict[str, object] | None:
        """Return what is to be chosen with the shelf, if anything."""
        if self.name == SEGMENT:
            names = list(self.recommender.segments)
            return {
                "label": "Segment of the community",
                "act": "segment",
                "options": [(str(place), name) for place, name in enumerate(names)],
                "value": str(names.index(self.segment)),
            }
        if self.name == BECAUSE:
            anchors = self.recommender.anchors(profile, k=ANCHORS)
            return {
                "label": "Which one",
                "act": "liked",
                "options": [(str(a), title(a)) for a in anchors],
                "value": str(self.liked if self.liked in anchors else next(iter(anchors), "")),
            }
        return None
