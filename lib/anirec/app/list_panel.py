"""A person's list as rows, and the panel to import, save and delete it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from html import escape

import ipywidgets as widgets
import pandas as pd

from anirec.app.cards import download_link
from anirec.app.controls import (
    ANY,
    boxed,
    classed,
    free_layout,
    html_part,
    labelled,
    make_button,
    set_shown,
)
from anirec.lists import frame_csv, to_csv, to_xml
from anirec.profiles import Place, Profile

WHERE = {
    Place.ADDRESS: "This list is kept under this page's address and nowhere else: save the address "
    "to come back to it. Who has the address can see and change the list.",
    Place.NAME: "This list is kept on this machine, under its name.",
    Place.TO_COME: "The list is kept from the first title on.",
    Place.NOWHERE: "This list is kept nowhere: it lasts as long as this is open.",
    Place.DELETED: "The list was deleted. What you add now is kept nowhere.",
    Place.GONE: "The list was deleted in another tab. What you add now is kept nowhere.",
}
"""What is said of where a list is kept."""

RATING_CHOICES = [("Rate", ANY), *((f"★ {rating}", rating) for rating in range(10, 0, -1))]
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


class ListRow(widgets.Box):
    """One title of the list: its rating, a thumb up or down, and a way to take it off."""

    def __init__(self, box) -> None:
        self.box = box
        self.anime_id = 0
        self.name = html_part("", "anirec-row-name")
        self.rating = classed(
            widgets.Dropdown(options=RATING_CHOICES, tooltip="Your rating", layout=free_layout()),
            "anirec-rating",
        )
        status = widgets.Dropdown(
            options=STATUS_CHOICES, tooltip="How far you are", layout=free_layout()
        )
        self.status = classed(status, "anirec-status")
        self.like = make_button("", partial(self._thumb, True), "anirec-thumb", "anirec-up")
        self.dislike = make_button("", partial(self._thumb, False), "anirec-thumb", "anirec-down")
        self.remove = make_button("Remove", self._remove, "anirec-quiet")
        self.filling = False
        self.rating.observe(self._rate, names="value")
        self.status.observe(self._watch, names="value")
        controls = [self.status, self.rating, self.like, self.dislike, self.remove]
        super().__init__([self.name, boxed(controls, "anirec-row-controls")], layout=free_layout())
        classed(self, "anirec-row")

    def show(self, anime_id: int) -> None:
        """Fill the row with an entry of the list."""
        entry = self.box.profile[anime_id]
        title = self.box.title(anime_id)
        self.filling = True
        self.anime_id = anime_id
        self.name.value = f"<span>{escape(title)}</span>"
        self.status.value = entry.status or ""
        self.rating.value = round(entry.rating or ANY)
        self.filling = False
        for button, thumb, on, off in (
            (self.like, True, "♥ Liked", "♡ Like"),
            (self.dislike, False, "✕ Disliked", "Dislike"),
        ):
            button.description = on if entry.liked is thumb else off
            (button.add_class if entry.liked is thumb else button.remove_class)("anirec-on")
        self.remove.tooltip = f"Take {title} off your list"

    def _rate(self, change: Mapping) -> None:
        if not self.filling:
            self.box.rate(self.anime_id, change["new"] or None)

    def _watch(self, change: Mapping) -> None:
        if not self.filling:
            self.box.set(self.anime_id, status=change["new"] or None)

    def _thumb(self, liked: bool) -> None:
        entry = self.box.profile[self.anime_id]
        self.box.thumb(self.anime_id, None if entry.liked is liked else liked)

    def _remove(self) -> None:
        self.box.remove(self.anime_id)


class ListPanel(widgets.Box):
    """Import, export, deletion, and on one's own machine the choice between lists by name."""

    def __init__(self, box) -> None:
        self.box = box
        self._quiet = False
        self.named = widgets.Dropdown(options=[], layout=free_layout())
        self.new_name = widgets.Text(placeholder="My list", layout=free_layout())
        self.create = make_button("Create", self._create)
        self.upload = widgets.FileUpload(
            accept=".xml,.gz,.zip,.csv,.tsv,.txt,.json",
            description="Import a list",
            icon="",
            layout=free_layout(),
        )
        classed(self.upload, "anirec-upload")
        self.links = html_part("", "anirec-links")
        self.missing = html_part("", "anirec-wide")
        self.images = widgets.Checkbox(
            description="Show cover images, from MyAnimeList's server",
            indent=False,
            layout=free_layout(),
        )
        self.teach = widgets.Checkbox(
            description="Let this list, and nothing else about me, teach the recommendations "
            "that others get. I can take this back at any time.",
            indent=False,
            layout=free_layout(),
        )
        self.note = html_part("", "anirec-wide")
        delete = make_button("Delete everything", box.delete, "anirec-danger")
        names = [
            labelled("List", self.named),
            labelled("New list", self.new_name),
            boxed([self.create], "anirec-field", "anirec-end"),
        ]
        about = (
            "<p class='anirec-soft'>A list is an export of MyAnimeList, AniList, Kitsu, "
            "Anime-Planet, Shikimori, SIMKL, Taiga or Yamtrack, a table with the columns title and "
            "rating, or a plain text with a title a line.</p>"
        )
        super().__init__(
            [
                self.note,
                *(names if box.session.named and box.session.store else []),
                html_part(about, "anirec-wide"),
                boxed([self.upload, self.links, delete], "anirec-chips", "anirec-wide"),
                self.missing,
                self.images,
                self.teach,
            ],
            layout=free_layout(),
        )
        classed(self, "anirec-panel")
        self.upload.observe(self._uploaded, names="value")
        self.named.observe(self._chosen, names="value")
        self.images.observe(lambda _: box.refresh(), names="value")
        self.teach.observe(self._teaches, names="value")

    def about(self) -> None:
        """Say where the list is kept, and offer the images as the page does."""
        session, page = self.box.session, self.box.page
        set_shown(self.images, page is None)
        set_shown(self.teach, page is not None and page.learns and session.place == Place.ADDRESS)
        said = WHERE[session.place]
        if page is not None:
            switch = (
                "Hide cover images"
                if page.images
                else "Show cover images (asks MyAnimeList's image server)"
            )
            fresh = f"<a class='anirec-link' href='{escape(page.new_list)}'>Start a new list</a>"
            said += (
                f"</p><p><a class='anirec-link' href='{escape(page.toggle_images)}'>{switch}</a>"
                f"{fresh if session.place in (Place.GONE, Place.DELETED, Place.NOWHERE) else ''}"
            )
        self.note.value = f"<p>{said}</p>"
        self._quiet = True
        self.teach.value = session.teaches
        names = session.names()
        self.named.options = [("none of these", ANY), *((name, name) for name in names)]
        self.named.value = session.name or ANY
        self._quiet = False

    def fill(self, frame: pd.DataFrame) -> None:
        """Make the links that save the list, and what is recommended now."""
        profile, catalogue = self.box.profile, self.box.recommender.catalogue
        self.missing.value = _missing_html(profile)
        files = []
        if profile or profile.unresolved:
            csv, xml = to_csv(profile, catalogue), to_xml(profile, catalogue)
            files.append(("Save list (CSV)", "anime-list.csv", csv, "text/csv"))
            files.append(("Save list (MyAnimeList)", "anime-list.xml", xml, "text/xml"))
        if len(frame):
            told = frame_csv(frame.drop(columns="image_url", errors="ignore"))
            files.append(("Save recommendations (CSV)", "recommendations.csv", told, "text/csv"))
        self.links.value = "".join(
            download_link(text, name, content.encode("utf-8"), kind)
            for text, name, content, kind in files
        )

    def _uploaded(self, change: Mapping) -> None:
        for file in change["new"]:
            self.box.load(bytes(file.content))
        if change["new"]:
            self.upload.value = ()

    def _chosen(self, change: Mapping) -> None:
        if not self._quiet:
            self.box.choose(change["new"] or None)

    def _teaches(self, change: Mapping) -> None:
        if not self._quiet:
            self.box.session.teach(change["new"])

    def _create(self) -> None:
        name, self.new_name.value = self.new_name.value, ""
        self.box.keep_as(name)


def _missing_html(profile: Profile) -> str:
    """Return what is kept of a list although the catalogue lacks it, folded."""
    missing = profile.unresolved
    if not missing:
        return ""
    names = (
        one.title or (f"anime {one.mal_id}" if one.mal_id else one.other_id) for one in missing
    )
    lines = "".join(f"<li>{escape(name)}</li>" for name in names)
    count = "1 title is" if len(missing) == 1 else f"{len(missing):,} titles are"
    said = f"{count} kept that this catalogue lacks"
    return f"<details class='anirec-soft'><summary>{said}</summary><ul>{lines}</ul></details>"


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
    """

    images: bool
    toggle_images: str
    new_list: str
    footnote: str = ""
    learns: bool = False
