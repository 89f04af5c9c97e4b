"""The one table of statuses: what every site, language and tool calls them."""

from __future__ import annotations

import unicodedata

from anirec.profiles import UNKNOWN_STATUS, WONT_WATCH

WORDS = {
    "watching": (
        "watching", "currently watching", "current", "in progress", "reading",
        "currently reading", "started", "active", "смотрю", "schaue", "am schauen", "viendo",
        "en cours", "assistindo", "guardando", "見てる", "視聴中", "observando", "oglądam",
    ),
    "completed": (
        "completed", "complete", "finished", "finished watching", "watched", "seen", "done",
        "read", "have watched", "просмотрено", "geschaut", "gesehen", "abgeschlossen",
        "completado", "terminado", "visto", "vu", "terminé", "completo", "completato", "見た",
        "視聴済み", "obejrzane",
    ),
    "on_hold": (
        "on hold", "hold", "paused", "pause", "stalled", "stopped for now", "отложено",
        "pausiert", "en pausa", "en pause", "em pausa", "in pausa", "一時中断", "wstrzymane",
    ),
    "dropped": (
        "dropped", "drop", "abandoned", "gave up", "given up", "discontinued", "брошено",
        "abgebrochen", "abandonado", "abandonné", "droppato", "視聴中止", "porzucone",
    ),
    "plan_to_watch": (
        "plan to watch", "plantowatch", "ptw", "planning", "planned", "plan", "plan to read",
        "ptr", "want to watch", "want to read", "wants to watch", "to watch", "watchlist",
        "watch later", "watch list", "wishlist", "wish", "backlog", "queue", "queued",
        "interested", "planning to watch", "not started", "unwatched", "запланировано", "geplant",
        "pendiente", "planeado", "prévu", "à voir", "planejado", "見たい", "planowane",
    ),
    WONT_WATCH: (
        "wont watch", "will not watch", "wont read", "not interested", "not interesting",
        "notinteresting", "ignored", "ignore", "blocked", "skip", "skipped", "never",
    ),
    UNKNOWN_STATUS: ("", "unknown", "none", "null", "nan", "n a", "other"),
}  # fmt: skip
AGAIN = (
    "rewatching", "repeating", "rereading", "reconsuming", "rewatch", "repeat", "re watching",
    "пересматриваю", "re reading",
)  # fmt: skip
"""Words that say: watched to the end before, and being watched once more."""

NUMBERS = {
    "myanimelist": {
        "1": "watching", "2": "completed", "3": "on_hold", "4": "dropped", "6": "plan_to_watch",
    },
    "anilist": {
        "0": "watching", "1": "plan_to_watch", "2": "completed", "3": "dropped", "4": "on_hold",
        "5": "rewatching",
    },
    "taiga": {
        "1": "watching", "2": "completed", "3": "on_hold", "4": "dropped", "5": "plan_to_watch",
        "6": "plan_to_watch",
    },
}  # fmt: skip
"""What the numbers mean that sites use for statuses."""

AIRING = frozenset([
    "finished airing", "currently airing", "not yet aired", "finished", "releasing", "airing",
    "ongoing", "released", "not yet released", "cancelled", "hiatus", "upcoming", "anons", "tba",
    "current", "unreleased", "complete", "ended", "aired",
])  # fmt: skip
AIRING_ONLY = AIRING - {"finished", "current", "complete"}
"""What is said of an anime rather than of a person's watching."""


def _bare(text: str) -> str:
    """Return words in small letters, without marks and accents, a blank between them."""
    small = unicodedata.normalize("NFKD", text.casefold()).replace("'", "").replace("’", "")
    kept = (c for c in small if not "\u0300" <= c <= "\u036f")
    return " ".join("".join(c if c.isalnum() else " " for c in kept).split())


_MEANING = {
    _bare(spelling): status for status, spellings in WORDS.items() for spelling in spellings
}
_AGAIN = frozenset(map(_bare, AGAIN))


def meaning(text: str, numbers: str) -> tuple[str, bool, bool]:
    """Return what a status means.

    Parameters
    ----------
    text : as it was written.
    numbers : a key of `NUMBERS`: what it means if it is one.

    Returns
    -------
    The status, one of the keys of `WORDS`; whether it says that the anime is being watched again;
    whether it is one at all: what is none is `UNKNOWN_STATUS`.
    """
    words = _bare(text)
    number = words.removesuffix(" 0") if words.replace(" ", "").isdigit() else ""
    if number in NUMBERS[numbers]:
        words = _bare(NUMBERS[numbers][number])
    if words in _AGAIN:
        return "watching", True, True
    joined = _MEANING.get(words) or _MEANING.get(words.replace(" ", ""))
    return joined or UNKNOWN_STATUS, False, joined is not None


def is_status(text: str) -> bool:
    """Return whether a text is a status in words, and says something."""
    status, _, known = meaning(text, "myanimelist")
    return known and status != UNKNOWN_STATUS and not any(map(str.isdigit, text))


def are_of_airing(values: list[str]) -> bool:
    """Return whether a column's values say of anime whether they have aired."""
    said = {_bare(value) for value in values} - {""}
    return bool(said & AIRING_ONLY) and said <= AIRING | {"unknown"}
