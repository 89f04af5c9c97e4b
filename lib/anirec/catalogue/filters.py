"""What may be recommended: the filters, and the rules about franchises."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from anirec.config import InputError

ALL, IN_ORDER, UNKNOWN, NEXT = "all", "in-order", "unknown", "next"
FRANCHISE_RULES = {
    ALL: "show every part",
    IN_ORDER: "hide sequels of what is not finished",
    UNKNOWN: "hide franchises already known",
    NEXT: "suggest the next part to watch",
}


@dataclass(frozen=True)
class Filters:
    """What may be recommended. The defaults hide adult titles and sequels that come too early.

    A filter leaves out anime of which the value is unknown. ``Filters.off()`` filters nothing.

    Attributes
    ----------
    types, statuses, sources : one of these; empty for any. The catalogue's are in
        `Catalogue.choices`.
    genres : all of these.
    without_genres : none of these.
    studios : at least one of these; empty for any.
    years, episodes, minutes : least and greatest, either None; minutes are those of an episode.
    min_members, min_score : at least so many members, so high a mean score.
    franchises : one of `FRANCHISE_RULES`.
    adult : whether adult titles may be recommended.
    ignore_dislikes : whether dislikes do not count against similar anime; they stay out themselves.
    popularity : from -1, niche, to 1, popular; 0 leaves the order to the model.
    variety : from 0, none, to 1: how unlike each other the recommendations are.

    Raises
    ------
    InputError
        If a value is out of range or the rule is none of those known.
    """

    types: Collection[str] = ()
    genres: Collection[str] = ()
    without_genres: Collection[str] = ()
    statuses: Collection[str] = ()
    sources: Collection[str] = ()
    studios: Collection[str] = ()
    years: tuple[int | None, int | None] = (None, None)
    episodes: tuple[int | None, int | None] = (None, None)
    minutes: tuple[float | None, float | None] = (None, None)
    min_members: int | None = None
    min_score: float | None = None
    franchises: str = IN_ORDER
    adult: bool = False
    ignore_dislikes: bool = False
    popularity: float = 0.0
    variety: float = 0.0

    def __post_init__(self) -> None:
        if self.franchises not in FRANCHISE_RULES:
            raise InputError(
                f"unknown franchise rule {self.franchises!r}: "
                f"choose one of {', '.join(FRANCHISE_RULES)}"
            )
        if not -1 <= self.popularity <= 1:
            raise InputError(f"popularity {self.popularity:g} must be from -1 to 1")
        if not 0 <= self.variety <= 1:
            raise InputError(f"variety {self.variety:g} must be from 0 to 1")
        for name in ("years", "episodes", "minutes"):
            least, greatest = getattr(self, name)
            if least is not None and greatest is not None and least > greatest:
                raise InputError(f"{name}: {least:g} to {greatest:g} is no range")

    @classmethod
    def off(cls) -> Filters:
        """Return filters that let everything through."""
        return cls(franchises=ALL, adult=True)
