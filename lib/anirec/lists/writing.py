"""Lists for elsewhere: MyAnimeList's export, and CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from xml.sax.saxutils import escape

import pandas as pd

from anirec.catalogue import Catalogue
from anirec.lists.mal import READ, UPDATE
from anirec.lists.reading import LIKED_TAGS, WONT_WATCH_TAG
from anirec.lists.row import line
from anirec.lists.tables import OWN_HEADERS, no_formula
from anirec.profiles import UNKNOWN_STATUS, WONT_WATCH, Entry, Profile

MAL_NAMES = {
    "watching": "Watching", "completed": "Completed", "on_hold": "On-Hold", "dropped": "Dropped",
    "plan_to_watch": "Plan to Watch", WONT_WATCH: "", UNKNOWN_STATUS: "",
}  # fmt: skip
"""MyAnimeList's names of statuses; it has none for the last two."""

_ELEMENT = re.compile(r"[A-Za-z_][\w.-]{0,60}")


def to_csv(profile: Profile, catalogue: Catalogue) -> str:
    """Return a profile as a CSV list that `read_list` reads again as it was."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(OWN_HEADERS[-1])
    for mal_id, title, entry in _all_entries(profile, catalogue):
        writer.writerow(
            [
                no_formula(title),
                "" if entry.rating is None else f"{entry.rating:g}",
                entry.status or "",
                "" if entry.liked is None else str(entry.liked).lower(),
                "" if mal_id is None else mal_id,
                "" if entry.episodes_watched is None else entry.episodes_watched,
                "" if entry.times_watched is None else entry.times_watched,
                "true" if entry.rewatching else "",
                entry.started_on,
                entry.finished_on,
                no_formula(entry.comments),
                no_formula(entry.tags),
            ]
        )
    return stream.getvalue()


def frame_csv(frame: pd.DataFrame) -> str:
    """Return a frame as CSV in which no cell is a formula."""
    texts = frame.select_dtypes(["object", "str", "category"]).columns
    shown = frame.assign(
        **{
            name: frame[name]
            .astype(object)
            .map(lambda value: no_formula(value) if isinstance(value, str) else value)
            for name in texts
        }
    )
    return shown.to_csv(index=False)


def to_xml(profile: Profile, catalogue: Catalogue) -> str:
    """Return a profile in the format of MyAnimeList's export, which it imports again.

    MyAnimeList knows whole ratings only. What was imported and has no meaning here is written as
    it was. Anime whose id in MyAnimeList's numbering is not known have the id 0.
    """
    lines = [
        '<?xml version="1.0" encoding="UTF-8" ?>',
        "<myanimelist>",
        "<myinfo><user_export_type>1</user_export_type></myinfo>",
    ]
    for mal_id, title, entry in _all_entries(profile, catalogue):
        values = {
            "series_animedb_id": mal_id or 0,
            "series_title": title,
            "my_watched_episodes": entry.episodes_watched,
            "my_start_date": entry.started_on or "0000-00-00",
            "my_finish_date": entry.finished_on or "0000-00-00",
            "my_score": round(entry.rating or 0),
            "my_status": _mal_status(entry),
            "my_comments": entry.comments,
            "my_times_watched": entry.times_watched,
            "my_rewatching": int(entry.rewatching),
            "my_tags": ",".join(filter(None, [entry.tags, *_own_tags(entry)])),
        }
        written = [(name, value) for name, value in values.items() if value is not None]
        written += [(n, t) for n, t in entry.extra if _ELEMENT.fullmatch(n) and n not in READ]
        lines.append("<anime>")
        lines += [f"<{name}>{escape(str(value))}</{name}>" for name, value in written]
        lines += [f"<{UPDATE}>1</{UPDATE}>", "</anime>"]
    return "\n".join([*lines, "</myanimelist>", ""])


def _mal_status(entry: Entry) -> str:
    if entry.status is None:
        return MAL_NAMES["completed"] if entry.finished else ""
    return MAL_NAMES[entry.status]


def _own_tags(entry: Entry) -> list[str]:
    tags = [tag for tag, liked in LIKED_TAGS.items() if liked is entry.liked]
    return tags + [WONT_WATCH_TAG] * (entry.status == WONT_WATCH)


def _all_entries(profile: Profile, catalogue: Catalogue) -> Iterator[tuple[int | None, str, Entry]]:
    """Yield MyAnimeList's id where it is known, the title, and what is said."""
    for anime_id, entry in profile.items():
        known = anime_id in catalogue.anime.index
        title = line(catalogue.anime.at[anime_id, "title"]) if known else f"anime {anime_id}"
        yield catalogue.mal_id(anime_id), title, entry
    for missing in profile.unresolved:
        yield missing.mal_id, missing.title, missing.entry
