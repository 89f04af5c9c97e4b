"""Two statements of one person made one: entries of one anime, and an import into a list."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum

from anirec.config import InputError
from anirec.profiles.profile import (
    MAX_ENTRIES,
    UNKNOWN_STATUS,
    WONT_WATCH,
    Entry,
    Profile,
    Unresolved,
)

TELLING = {
    "completed": 6, "dropped": 5, "watching": 4, "on_hold": 3, None: 2, "plan_to_watch": 1,
    WONT_WATCH: 1, UNKNOWN_STATUS: 0,
}  # fmt: skip
"""Which of two statuses says more."""


class Rule(StrEnum):
    """How an import is taken in."""

    MERGE = "merge"
    """What the import says counts, field by field; where it says nothing, the list's own stays."""
    REPLACE = "replace"
    """The list becomes the import."""
    ADD = "add"
    """Only what is not on the list yet is added."""


@dataclass(frozen=True)
class Merged:
    """A list after an import, and what the import does to it, to be shown beforehand.

    Attributes
    ----------
    profile : `Profile`.
    new, changed, gone, same : how many entries are added, different, removed and as they were;
        those that the catalogue lacks are counted too.
    text : the counts in words.
    """

    profile: Profile
    new: int
    changed: int
    gone: int
    same: int

    @property
    def text(self) -> str:
        parts = [
            f"{count:,} {word}"
            for count, word in ((self.new, "new"), (self.changed, "changed"), (self.gone, "gone"))
            if count
        ]
        return ", ".join(parts) or "nothing new"


def merge(profile: Profile, imported: Profile, rule: Rule = Rule.MERGE) -> Merged:
    """Return a list with an import taken in.

    Parameters
    ----------
    profile : the list as it is.
    imported : what was read.
    rule : `Rule`.

    Raises
    ------
    InputError
        If the list would have more than `MAX_ENTRIES`.
    """
    rule = Rule(rule)
    entries = _taken_in(dict(profile.entries), dict(imported.entries), rule)
    missing = _taken_in(_by_key(profile.unresolved), _by_key(imported.unresolved), rule)
    if len(entries) + len(missing) > MAX_ENTRIES:
        raise InputError(f"a profile holds at most {MAX_ENTRIES:,} entries: remove some first")
    merged = Profile(entries, tuple(missing.values()))
    before = {**profile.entries, **_by_key(profile.unresolved)}
    after = {**entries, **missing}
    common = before.keys() & after.keys()
    changed = sum(before[key] != after[key] for key in common)
    return Merged(
        merged,
        new=len(after.keys() - before.keys()),
        changed=changed,
        gone=len(before.keys() - after.keys()),
        same=len(common) - changed,
    )


def _taken_in(old: dict, new: dict, rule: Rule) -> dict:
    if rule is Rule.REPLACE:
        return new
    if rule is Rule.ADD:
        return {**old, **{key: value for key, value in new.items() if key not in old}}
    return {**old, **{key: _newer(old.get(key), value) for key, value in new.items()}}


def _newer(old: Entry | Unresolved | None, new: Entry | Unresolved) -> Entry | Unresolved:
    if old is None:
        return new
    if isinstance(new, Unresolved):
        return replace(new, title=new.title or old.title, entry=newer(old.entry, new.entry))
    return newer(old, new)


def _by_key(unresolved: tuple[Unresolved, ...]) -> dict[tuple, Unresolved]:
    """Return what the catalogue lacks, each once: by MyAnimeList's id, another, or the title."""
    found: dict[tuple, Unresolved] = {}
    for one in unresolved:
        key = (
            ("id", one.mal_id)
            if one.mal_id is not None
            else ("other", one.other_id)
            if one.other_id
            else ("title", " ".join(one.title.casefold().split()))
        )
        found[key] = _newer(found.get(key), one)
    return found


def newer(old: Entry, new: Entry) -> Entry:
    """Return what two statements of one anime say together, where the newer one counts.

    A rating, a thumb, a status or a word that the newer one does not state is kept.
    """
    stated = {
        field.name: getattr(new, field.name)
        for field in fields(Entry)
        if getattr(new, field.name) not in (None, "", ()) or field.name == "rewatching"
    }
    if new.status == UNKNOWN_STATUS:
        stated.pop("status")
    if stated.get("status") is None and new.status in (None, UNKNOWN_STATUS):
        stated.pop("rewatching")
    if new.extra and old.extra:
        stated["extra"] = tuple({**dict(old.extra), **dict(new.extra)}.items())
    return replace(old, **stated)


def fuller(first: Entry, second: Entry) -> Entry:
    """Return what two entries of one anime in one list say together, where what says more counts.

    The status is that which says most, and where both state something else the later counts.
    """
    both = newer(first, second)
    more = max((second, first), key=lambda entry: TELLING[entry.status])
    times = [e.times_watched for e in (first, second) if e.times_watched is not None]
    episodes = [e.episodes_watched for e in (first, second) if e.episodes_watched is not None]
    return replace(
        both,
        status=more.status,
        rewatching=first.rewatching or second.rewatching,
        times_watched=max(times, default=None),
        episodes_watched=max(episodes, default=None),
    )
