"""A person's list as the box shows it: its rows, where it is kept, and what can be done with it."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from anirec.app.cards import download_link
from anirec.catalogue.titles import normalized
from anirec.lists import frame_csv, to_csv, to_xml
from anirec.profiles import Entry, ListSession, Place, Profile

WHERE = {
    Place.ADDRESS: "This list is kept under this page's address and nowhere else: keep the address "
    "to come back to it. Who has the address can see and change the list.",
    Place.NAME: "This list is kept on this machine, under its name.",
    Place.TO_COME: "The list is kept from the first title on.",
    Place.NOWHERE: "This list is kept nowhere: it lasts as long as this is open.",
    Place.DELETED: "The list was deleted. What you add now is kept nowhere.",
    Place.GONE: "The list was deleted in another tab. What you add now is kept nowhere.",
}
"""What is said of where a list is kept."""

STATUS_CHOICES = [
    ("–", ""),
    ("Seen", "completed"),
    ("Watching", "watching"),
    ("On hold", "on_hold"),
    ("Dropped", "dropped"),
    ("Planned", "plan_to_watch"),
    ("Won't watch", "wont_watch"),
    ("Unknown", "unknown"),
]
BY_NAME = [("anilist", "AniList"), ("myanimelist", "MyAnimeList")]
"""The sites that may be asked for a list by its user's name."""

LATEST_FIRST, BEST_FIRST, BY_TITLE = "latest", "best", "title"
ORDERS = [(LATEST_FIRST, "latest first"), (BEST_FIRST, "best first"), (BY_TITLE, "by title")]


@dataclass(frozen=True)
class PageAddress:
    """What a box on a page of its own knows of the page.

    Attributes
    ----------
    images : whether the page was opened with cover images allowed.
    toggle_images : address of the same page with them switched the other way.
    new_list : address that starts a new list.
    footnote : one sentence below it all; empty for none.
    learns : whether visitors are asked to let the models learn from their lists.
    by_name : whether visitors may have their list fetched by their name on another site.
    """

    images: bool
    toggle_images: str
    new_list: str
    footnote: str = ""
    learns: bool = False
    by_name: bool = False


@dataclass
class ListView:
    """Which rows of the list are shown, and in which order.

    Attributes
    ----------
    text : what a title must contain.
    order : one of `ORDERS`.
    wanted : how many rows.
    """

    wanted: int
    text: str = ""
    order: str = LATEST_FIRST

    def ids(self, profile: Profile, title) -> list[int]:
        """Return the anime to be shown, all of them; ``title`` names one by its id."""
        ids = list(profile)[::-1]
        if self.text.strip():
            wanted = normalized(self.text)
            ids = [a for a in ids if wanted in normalized(title(a))]
        if self.order == BEST_FIRST:
            ids.sort(key=lambda a: -(profile[a].stands_for or 0))
        elif self.order == BY_TITLE:
            ids.sort(key=lambda a: title(a).casefold())
        return ids


def row(anime_id: int, entry: Entry, title: str) -> dict[str, object]:
    """Return what the template shows of one entry."""
    rating = "" if entry.rating is None else f"{entry.rating:g}"
    numbers = [f"{number}" for number in range(10, 0, -1)]
    ratings = [("Rate", ""), *((f"★ {number}", number) for number in numbers)]
    if rating and rating not in numbers:  # an import knows finer scores
        ratings.insert(1, (f"★ {rating}", rating))
    return {
        "anime_id": anime_id,
        "title": title,
        "status": entry.status or "",
        "ratings": ratings,
        "rating": rating,
        "liked": entry.liked,
        "uncounted": entry.uncounted,
    }


def kept_text(session: ListSession, page: PageAddress | None) -> str:
    """Return what is said beside the list of where it is kept; nothing where nothing is at risk."""
    if page is None or session.place in (Place.TO_COME, Place.NAME):
        return ""
    return WHERE[session.place]


def missing_names(profile: Profile) -> list[str]:
    """Return what is kept of a list although the catalogue lacks it."""
    return [
        one.title or (f"anime {one.mal_id}" if one.mal_id else one.other_id)
        for one in profile.unresolved
    ]


def missing_text(profile: Profile) -> str:
    n = len(profile.unresolved)
    return f"{'1 title is' if n == 1 else f'{n:,} titles are'} kept that this catalogue lacks"


def saved_links(profile: Profile, catalogue, frame) -> list[Markup]:
    """Return links that save the list, and what is recommended now, as files."""
    files = []
    if profile or profile.unresolved:
        csv, xml = to_csv(profile, catalogue), to_xml(profile, catalogue)
        files.append(("Save list (CSV)", "anime-list.csv", csv, "text/csv"))
        files.append(("Save list (MyAnimeList)", "anime-list.xml", xml, "text/xml"))
    if len(frame):
        told = frame_csv(frame.drop(columns="image_url", errors="ignore"))
        files.append(("Save recommendations (CSV)", "recommendations.csv", told, "text/csv"))
    return [
        Markup(download_link(text, name, content.encode("utf-8"), kind))
        for text, name, content, kind in files
    ]
