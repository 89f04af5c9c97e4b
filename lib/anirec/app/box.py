"""The recommendation box for notebooks and the page: ipywidgets around `AnimeRecommender`.

View only: what is recommended and why is decided in `anirec.recommender`, what a list is and how
it is kept in `anirec.profiles`. The box shows it and passes on what the person does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from html import escape
from pathlib import Path

import ipywidgets as widgets
import pandas as pd

from anirec.app.cards import (
    Card,
    best_match,
    card_html,
    details_html,
    imported_html,
    match_name,
    sentence,
)
from anirec.app.controls import (
    boxed,
    classed,
    free_layout,
    html_part,
    labelled,
    make_button,
    set_shown,
)
from anirec.app.filter_panel import FilterPanel
from anirec.app.list_panel import ListPanel, ListRow, PageAddress
from anirec.catalogue import Filters
from anirec.config import InputError
from anirec.lists import Imported, found_again, read_list
from anirec.profiles import ListSession, Place, Profile, ProfileStore
from anirec.profiles.merging import Rule
from anirec.recommender import AnimeRecommender

CSS_FILE = Path(__file__).resolve().parent / "templates" / "box.css"

DEBOUNCE_SECONDS = 0.12
"""A search waits so long for the next keystroke."""

MATCHES = 7
"""Titles offered while somebody types."""

LATEST = 5
"""Titles of the list shown at first; each "show more" shows `MORE_ROWS` more."""

MORE_ROWS = 20

STARTERS = 8
"""Titles offered whose rating would tell most of a person's taste."""

RULES = {
    Rule.MERGE: "Merge it into your list",
    Rule.REPLACE: "Put it in place of your list",
    Rule.ADD: "Add only what is new",
}
"""What the ways to take in an import are called."""

FOR_LIST, SIMILAR, SEGMENT, SURPRISE = "list", "similar", "segment", "surprise"


class RecommenderBox(widgets.Box):
    """Type a title, pick it, get recommendations; rate, dislike or remove what was picked.

    Parameters
    ----------
    recommender : what searches, recommends and explains.
    k : how many recommendations are shown, and how many more on demand.
    store : where lists are kept by name, on one's own machine; None keeps none.
    page : what a box on a page of its own knows of that page; `use` gives it the list.

    Attributes
    ----------
    session : `ListSession`, the person's list and what is done to it.
    """

    def __init__(
        self,
        recommender: AnimeRecommender,
        k: int = 10,
        store: ProfileStore | None = None,
        page: PageAddress | None = None,
    ) -> None:
        self.recommender = recommender
        self.k = k
        self.session = ListSession(store, named=True)
        self.page = page
        self._wanted = k
        self._rows_wanted = LATEST
        self._anchor: int | None = None
        self._seed = 0
        self._frame = pd.DataFrame()
        self._timer: asyncio.TimerHandle | None = None
        self._rows: list[ListRow] = []
        self._cards: list[Card] = []

        self._make_search()
        self._make_list()
        self._make_controls()
        self._make_results()
        self._footnote = page.footnote if page else ""
        self._foot = html_part("", "anirec-foot")
        style = html_part(f"<style>{CSS_FILE.read_text('utf-8')}</style>", "anirec-style")
        super().__init__(
            [style, self._find, self._message, self._ways, self._list, self._tools,
             *self._panels.values(), self._starters, self._results, self._foot],
            layout=free_layout(),
        )  # fmt: skip
        classed(self, "anirec")
        names = self.session.names()
        if names:
            self.session.choose(names[0])
        self.refresh()
        self._list_panel.about()
        self._look_again()

    # --- what the person does

    @property
    def profile(self) -> Profile:
        """The person's list."""
        return self.session.profile

    def use(self, session: ListSession, page: PageAddress) -> None:
        """Show the list of a visitor of a page; what becomes of it is kept there."""
        self.session, self.page = session, page
        self.show_list()
        self._look_again()
        self.add_class("anirec-ready")

    def show_list(self) -> None:
        """Show what the list is now, where it is kept, and what is recommended for it."""
        self._list_panel.about()
        self._changed()

    def add(self, anime_id: int, rating: float | None = None) -> None:
        """Put an anime on the list, as liked or with a rating; one that is there stays as it is."""
        if anime_id in self.profile:
            self.say(f"{self.title(anime_id)} is on your list already: change it there.")
            return
        values = {"rating": rating, "liked": None if rating else True}
        self._change(lambda session: session.add(anime_id, **values))

    def rate(self, anime_id: int, rating: float | None) -> None:
        """Set or clear the rating of a title; it says more than a thumb, which it replaces."""
        self._change(lambda session: session.rate(anime_id, rating))

    def thumb(self, anime_id: int, liked: bool | None) -> None:
        """Set or clear a thumb; a rating that says the opposite goes."""
        self._change(lambda session: session.thumb(anime_id, liked))

    def seen(self, anime_id: int) -> None:
        """Put an anime on the list as watched."""
        self.set(anime_id, status="completed")
        self.say(f"{self.title(anime_id)} is on your list as seen. Rate it there if you like.")

    def not_for_me(self, anime_id: int) -> None:
        """Put an anime on the list as disliked, seen or not."""
        self.set(anime_id, liked=False)
        self.say(f"{self.title(anime_id)} will not come again.")

    def plan(self, anime_id: int) -> None:
        """Put an anime on the list as planned."""
        self.set(anime_id, status="plan_to_watch")
        self.say(f"{self.title(anime_id)} is on your list as planned.")

    def more_like(self, anime_id: int) -> None:
        """Show what is most similar to one anime."""
        self._anchor = anime_id
        if self._mode.value == SIMILAR:
            self._changed()
        else:
            self._mode.value = SIMILAR

    def set(self, anime_id: int, **changes: object) -> None:
        """Add an entry, or change some of its values (see `profiles.Entry`)."""
        self._change(lambda session: session.set(anime_id, **changes))

    def remove(self, anime_id: int) -> None:
        """Take an anime off the list."""
        self._change(lambda session: session.remove(anime_id))

    def undo(self) -> None:
        """Take back the last change of the list."""
        deleted = self.session.place == Place.DELETED and not self.session.can_undo
        self._change(lambda session: session.restore() if deleted else session.undo())

    def load(self, content: bytes) -> None:
        """Take in a list from a file (`lists.read_list`); where it can be in several ways, ask."""
        self.say("Reading the list …")
        try:
            imported = read_list(content, self.recommender.catalogue)
            ways = self.session.preview(imported.profile)
        except InputError as error:
            self.say(sentence(str(error)), "error")
            return
        if len(ways) == 1:
            self._take_in(imported, next(iter(ways)))
            return
        self._message.value = imported_html(imported.text, imported.problems)
        self._ways.children = [
            make_button(f"{RULES[rule]}: {merged.text}", partial(self._take_in, imported, rule))
            for rule, merged in ways.items()
        ]

    def _take_in(self, imported: Imported, rule: Rule) -> None:
        self._change(lambda session: session.take_in(imported.profile, rule))
        if not self._message.value:
            self._message.value = imported_html(imported.text, imported.problems)

    def _look_again(self) -> None:
        """Take what a smaller catalogue lacked, and this one has, for entries."""
        again = found_again(self.profile, self.recommender.catalogue)
        if again is self.profile:
            return
        n = len(self.profile.unresolved) - len(again.unresolved)
        self._change(lambda session: session.take_in(again, Rule.REPLACE))
        self.say(
            f"Found now, after an update of the catalogue: {n} of the unknown titles on your list."
        )

    def delete(self) -> None:
        """Delete everything that is kept of the list; undo brings it back for a while."""
        self.session.delete()
        self.show_list()
        self.say("Deleted: nothing of this list is kept any more.")

    def choose(self, name: str | None) -> None:
        """Show the list of that name; None: an empty one that is kept nowhere."""
        self._change(lambda session: session.choose(name))
        self._look_again()

    def keep_as(self, name: str) -> None:
        """Keep this list under a name, or begin another of that name."""
        self._change(lambda session: session.keep_as(name))

    def _change(self, change: Callable[[ListSession], object]) -> None:
        """Change the list where it is kept, and recommend anew."""
        self.say("")
        try:
            change(self.session)
        except InputError as error:
            self.say(sentence(str(error)), "error")
        self.show_list()

    def title(self, anime_id: int) -> str:
        """Return an anime's title, or its number if the catalogue lacks it."""
        known = anime_id in self.recommender.anime.index
        return self.recommender.anime.at[anime_id, "title"] if known else f"anime {anime_id}"

    def say(self, text: str, kind: str = "note") -> None:
        """Show one sentence: a ``note`` or an ``error``; none if empty."""
        self._ways.children = []
        role = "alert" if kind == "error" else "status"
        self._message.value = (
            f"<p class='anirec-{kind}' role='{role}'>{escape(text)}</p>" if text else ""
        )

    @property
    def images(self) -> bool:
        """Whether covers are shown: where the page allows them, or the person switched them on."""
        return self.page.images if self.page else self._list_panel.images.value

    # --- searching

    def _make_search(self) -> None:
        self.search = widgets.Text(
            placeholder="Type an anime you like",
            tooltip="Search for an anime",
            layout=free_layout(),
        )
        classed(self.search, "anirec-search")
        self._matches = boxed([], "anirec-matches")
        self._match_buttons = [
            make_button("", partial(self._pick_nth, place), "anirec-found")
            for place in range(MATCHES)
        ]
        self._found: list[int] = []
        self._no_match = html_part("", "anirec-no-match")
        self._find = boxed([self.search, self._matches, self._no_match], "anirec-find")
        self._message = html_part("", "anirec-message")
        self._ways = boxed([], "anirec-chips")
        self.search.observe(self._typed, names="value")
        self.search.on_msg(self._entered)

    def _typed(self, _: Mapping) -> None:
        self._soon(self._search)

    def _soon(self, action: Callable[[], None]) -> None:
        """Do something after a moment without another keystroke; at once without an event loop."""
        if self._timer is not None:
            self._timer.cancel()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            action()
        else:
            self._timer = loop.call_later(DEBOUNCE_SECONDS, action)

    def _search(self) -> None:
        text = self.search.value.strip()
        found = self.recommender.search(text, limit=MATCHES) if text else None
        self._found = [] if found is None else [int(anime_id) for anime_id in found["anime_id"]]
        if found is not None:
            for button, row in zip(self._match_buttons, found.itertuples(), strict=False):
                on_list = " ✓ on your list" if row.anime_id in self.profile else ""
                button.description = f"{match_name(row)}{on_list}"
        self._matches.children = self._match_buttons[: len(self._found)]
        nothing = bool(text) and not self._found
        self._no_match.value = (
            f"<p role='status'>No anime is called anything like “{escape(text)}”.</p>"
            if nothing
            else ""
        )

    def _entered(self, _: object, content: Mapping, __: object) -> None:
        """Take the first match when Enter is pressed in the field."""
        if content.get("event") == "submit" and self.search.value.strip():
            if self._timer is not None:
                self._timer.cancel()
            self._search()
            if self._found:
                self._pick_nth(0)

    def _pick_nth(self, place: int) -> None:
        anime_id = self._found[place]
        self.search.value = ""
        self._search()
        self.search.focus()
        if self._mode.value == SIMILAR:
            self._anchor = anime_id
            self._changed()
        else:
            self.add(anime_id)

    # --- the list

    def _make_list(self) -> None:
        self._list_head = html_part("", "anirec-heading")
        self._undo = make_button(
            "↶ Undo", self.undo, "anirec-quiet", tooltip="Take back the last change"
        )
        self._more_rows = make_button("", self._show_more_rows, "anirec-quiet")
        self._rows_box = boxed([], "anirec-rows")
        head = boxed([self._list_head, self._undo], "anirec-head")
        self._list = boxed([head, self._rows_box, self._more_rows], "anirec-list")

    def _show_more_rows(self) -> None:
        self._rows_wanted += MORE_ROWS
        self._show_list()

    def _show_list(self) -> None:
        count = len(self.profile)
        undoable = self.session.can_undo or self.session.can_restore
        set_shown(self._list, bool(count or undoable))
        set_shown(self._undo, undoable)
        titles = "1 title" if count == 1 else f"{count:,} titles"
        self._list_head.value = f"<h2>Your list <span class='anirec-soft'>{titles}</span></h2>"
        latest = list(self.profile)[::-1][: self._rows_wanted]
        while len(self._rows) < len(latest):
            self._rows.append(ListRow(self))
        for row, anime_id in zip(self._rows, latest, strict=False):
            row.show(anime_id)
        self._rows_box.children = self._rows[: len(latest)]
        left = count - len(latest)
        set_shown(self._more_rows, left > 0)
        self._more_rows.description = f"Show {min(left, MORE_ROWS)} more of {count:,}"

    # --- what is recommended

    def _make_controls(self) -> None:
        segments = list(self.recommender.segments)
        modes = [("For my list", FOR_LIST), ("Similar to one title", SIMILAR)]
        modes += [("Because I like a segment", SEGMENT)] if segments else []
        modes += [("Surprise me", SURPRISE)]
        self._mode = widgets.Dropdown(options=modes, layout=free_layout())
        self._segment = widgets.Dropdown(options=segments, layout=free_layout())
        self._again = make_button("Another surprise", self._surprise_again, "anirec-quiet")
        fitted = self.recommender.fitted
        self._model = widgets.Dropdown(
            options=fitted, value=self.recommender.default_model, layout=free_layout()
        )
        self._segment_field = labelled("Segment of the community", self._segment)
        mode_panel = boxed(
            [
                labelled("Recommend", self._mode),
                self._segment_field,
                labelled("Ranked by", self._model),
                self._again,
            ],
            "anirec-panel",
        )
        self._filter_panel = FilterPanel(self.recommender.choices, self._changed)
        years = self.recommender.anime["year"].dropna()
        if len(years):
            self._filter_panel.offer_years(int(years.min()), int(years.max()))
        self._list_panel = ListPanel(self)
        self._knowledge = html_part("", "anirec-knowledge")
        self._panels = {
            "Recommend": mode_panel,
            "Filters": self._filter_panel,
            "How well it knows you": boxed([self._knowledge], "anirec-panel"),
            "Import and save": self._list_panel,
        }
        self._toggles = {
            name: classed(
                widgets.ToggleButton(description=name, layout=free_layout()), "anirec-tool"
            )
            for name in self._panels
        }
        for name, toggle in self._toggles.items():
            toggle.observe(partial(self._toggled, name), names="value")
        self._tools = boxed(list(self._toggles.values()), "anirec-tools")
        for control in (self._mode, self._segment, self._model):
            control.observe(lambda _: self._changed(), names="value")
        self._show_panels()

    def _toggled(self, name: str, change: Mapping) -> None:
        if change["new"]:
            for other, toggle in self._toggles.items():
                if other != name:
                    toggle.value = False
        self._show_panels()
        self._fill_panels()

    def _show_panels(self) -> None:
        for name, panel in self._panels.items():
            set_shown(panel, self._toggles[name].value)

    def _fill_panels(self) -> None:
        """Compute what an open panel tells of the list."""
        if self._toggles["How well it knows you"].value:
            said = self.recommender.knowledge(self.profile).text
            self._knowledge.value = f"<p>{escape(said)}</p>"
        if self._toggles["Import and save"].value:
            self._list_panel.fill(self._frame)

    def _changed(self) -> None:
        self._wanted = self.k
        self.refresh()

    def _surprise_again(self) -> None:
        self._seed += 1
        self._changed()

    def _recommended(self, k: int) -> pd.DataFrame | None:
        """Return what the mode recommends; None where there is nothing to go by yet."""
        filters, model, mode = self._filter_panel.filters(), self._model.value, self._mode.value
        if mode == SIMILAR:
            if self._anchor is None:
                return None
            return self.recommender.similar(self._anchor, k=k, filters=filters)
        if mode == SEGMENT:
            return self.recommender.for_segment(
                self._segment.value, k=k, profile=self.profile, model=model, filters=filters
            )
        if mode == SURPRISE:
            return self.recommender.surprise(
                self.profile, k=k, model=model, filters=filters, seed=self._seed
            )
        if not self.profile:
            return None
        return self.recommender.recommend(self.profile, k=k, model=model, filters=filters)

    # --- showing it

    def _make_results(self) -> None:
        self._results_head = html_part("", "anirec-heading")
        self._cards_box = boxed([], "anirec-cards")
        self._more = make_button("Show more", self.more, "anirec-more")
        self._results = boxed([self._results_head, self._cards_box, self._more], "anirec-results")
        self._starter_buttons = [
            make_button("", partial(self._start_with, place), "anirec-chip")
            for place in range(STARTERS)
        ]
        self._starter_ids: list[int] = []
        self._starter_text = html_part("", "anirec-heading")
        self._starter_chips = boxed(self._starter_buttons, "anirec-chips")
        self._starters = boxed([self._starter_text, self._starter_chips], "anirec-starters")

    def more(self) -> None:
        """Show more recommendations."""
        self._wanted += self.k
        self.refresh()

    def _start_with(self, place: int) -> None:
        self.add(self._starter_ids[place])

    def refresh(self) -> None:
        """Show the list and what is recommended for it."""
        self._results.add_class("anirec-busy")
        try:
            self._show_list()
            self._show_modes()
            self._show_recommendations()
            self._fill_panels()
            self._show_foot()
        except Exception:
            self.say("Something went wrong here; your list is kept. Try another setting.", "error")
            raise
        finally:
            self._results.remove_class("anirec-busy")

    def _show_foot(self) -> None:
        """Show what must be said of the data, and which version of the models recommends."""
        version = self.recommender.version
        said = [self._footnote, f"Recommended by {version}." if version.number else ""]
        paragraphs = [f"<p class='anirec-soft'>{escape(text)}</p>" for text in said if text]
        self._foot.value = "".join(paragraphs)

    def _show_modes(self) -> None:
        mode = self._mode.value
        set_shown(self._segment_field, mode == SEGMENT)
        set_shown(self._again, mode == SURPRISE)
        labels = {value: label for label, value in self._mode.options}
        self._toggles["Recommend"].description = labels[mode]
        used = self._filter_panel.in_use()
        self._toggles["Filters"].description = f"Filters ({used})" if used else "Filters"

    def _show_recommendations(self) -> None:
        note = ""
        try:
            frame = self._recommended(self._wanted)
        except InputError as error:
            frame, note = None, sentence(str(error))
        self._frame = pd.DataFrame() if frame is None else frame
        if frame is not None:
            note = sentence(frame.attrs.get("note", ""))
        self._show_starters(frame is None)
        self._results_head.value = self._heading(len(self._frame), note)
        self._fill_cards()
        set_shown(self._more, 0 < self._wanted <= len(self._frame))
        self._later(self._explain_cards)

    def _heading(self, count: int, note: str) -> str:
        mode = self._mode.value
        title = {FOR_LIST: "For you", SURPRISE: "Surprises"}.get(mode, "")
        if mode == SIMILAR:
            title = f"Similar to {self.title(self._anchor)}" if self._anchor else "Similar to …"
        if mode == SEGMENT:
            title = f"What {self._segment.value} likes"
        said = f"<p class='anirec-note'>{escape(note)}</p>" if note else ""
        if not count and not note:
            return ""
        return f"<h2>{escape(title)}</h2>{said}"

    def _show_starters(self, visible: bool) -> None:
        set_shown(self._starters, visible)
        if not visible:
            return
        offered = self.recommender.to_rate(self.profile, k=STARTERS, filters=Filters())
        self._starter_ids = [int(anime_id) for anime_id in offered["anime_id"]]
        for button, row in zip(self._starter_buttons, offered.itertuples(), strict=False):
            button.description = row.title
        self._starter_chips.children = self._starter_buttons[: len(offered)]
        said = "Or start with one of these, if you liked it"
        if self._mode.value == SIMILAR:
            said = "Search above for the title to compare with"
        self._starter_text.value = f"<p>{said}:</p>"

    def _fill_cards(self) -> None:
        frame = self._frame
        while len(self._cards) < len(frame):
            self._cards.append(Card(self))
        best = best_match(frame)
        for card, row in zip(self._cards, frame.itertuples(), strict=False):
            card.show(int(row.anime_id), card_html(row, best, self.images))
        self._cards_box.children = self._cards[: len(frame)]

    def _later(self, action: Callable[[], None]) -> None:
        """Do something once what was shown is on its way; at once without an event loop."""
        try:
            asyncio.get_running_loop().call_soon(action)
        except RuntimeError:
            action()

    def _explain_cards(self) -> None:
        """Add to each card all that speaks for it."""
        if self._mode.value != FOR_LIST or not len(self._frame):
            return
        frame, best = self._frame, best_match(self._frame)
        filters = self._filter_panel.filters()
        reasons = self.recommender.explanations(
            self.profile, frame["anime_id"].tolist(), model=self._model.value, filters=filters
        )
        for card, row, why in zip(self._cards, frame.itertuples(), reasons, strict=False):
            card.show(int(row.anime_id), card_html(row, best, self.images, details_html(why)))
