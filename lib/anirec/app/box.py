"""The recommendation box as a widget: what a person says in it, and what it shows of that."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import anywidget
import pandas as pd
import traitlets
from markupsafe import Markup

from anirec.app import list_panel
from anirec.app.acts import Act, BadAct, acts
from anirec.app.cards import card_html, details_html, match_name, names_of
from anirec.app.filter_panel import FilterPanel
from anirec.app.list_panel import ORDERS, STATUS_CHOICES, ListView, PageAddress
from anirec.app.rendering import FOLDER, rendered, sentence
from anirec.app.shelf import ALIKE, NEW, SURPRISE, ShelfShown
from anirec.app.tools import TOOLS
from anirec.catalogue.filters import Filters
from anirec.config import InputError
from anirec.lists import Imported, found_again, read_list
from anirec.profiles import ListSession, Place, Profile, ProfileStore
from anirec.profiles.merging import Rule
from anirec.recommender import AnimeRecommender, LatestRecommender

MATCHES = 8
STARTERS = 10
LATEST = 5
"""Titles of a list that are shown until more are asked for."""

MORE_ROWS = 20
MOST_FILE = 32 * 2**20
"""Bytes of a file that the browser sends: an export of 20,000 entries, unpacked, has less."""

MOST_OFFERS = 5
"""Texts for which nothing was certain that are offered at once."""

RULES = {
    Rule.MERGE: "Merge it into your list",
    Rule.REPLACE: "Put it in place of your list",
    Rule.ADD: "Add only what is new",
}
log = logging.getLogger("anirec.box")


class RecommenderBox(anywidget.AnyWidget):
    """The box: search, a list, shelves of recommendations with reasons, filters and tools.

    The kernel makes what is shown, as HTML, one trait for each part; ``box.js`` puts it into the
    page and tells the kernel what the person does (`acts`). What somebody types stays in the
    browser until it is said as a whole.

    Parameters
    ----------
    recommender : the engine; a `LatestRecommender` goes on with each new version of the models.
    k : how many recommendations are shown at once.
    store : where lists are kept under names; None keeps them nowhere.
    page : what the box knows of the page that it is alone on; None in a notebook.
    """

    _esm = (FOLDER / "box.js").read_text("utf-8")
    _css = (FOLDER / "box.css").read_text("utf-8")

    said = traitlets.Unicode().tag(sync=True)
    found = traitlets.Unicode().tag(sync=True)
    keep = traitlets.Unicode().tag(sync=True)
    shelves = traitlets.Unicode().tag(sync=True)
    results = traitlets.Unicode().tag(sync=True)
    entries = traitlets.Unicode().tag(sync=True)
    panels = traitlets.Unicode().tag(sync=True)
    foot = traitlets.Unicode().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    answered = traitlets.Int().tag(sync=True)

    def __init__(
        self,
        recommender: AnimeRecommender | LatestRecommender,
        k: int = 10,
        store: ProfileStore | None = None,
        page: PageAddress | None = None,
    ) -> None:
        super().__init__()
        self.recommender = recommender
        self.k = k
        self.session = ListSession(store, named=True)
        self.page = page
        self._footnote = page.footnote if page else ""
        self.filter_panel = FilterPanel(recommender.catalogue)
        self.shelf = ShelfShown(recommender)
        self.english = False
        self.view = ListView(LATEST)
        self.opened = ""
        self._wanted = k
        self._images = False
        self._text, self._kind = "", "note"
        self._problems: tuple[str, ...] = ()
        self._offers: dict[str, pd.DataFrame] = {}
        self._import: Imported | None = None
        self._ways: dict[Rule, str] = {}
        self.asked_delete = False
        self.found_where: dict[str, object] | None = None
        self._whys: dict[int, str] = {}
        self.shown = pd.DataFrame()
        self._own = True
        self.on_msg(self._heard)
        names = self.session.names()
        if names:
            self.session.choose(names[0])
        self.refresh()
        self._look_again()

    # --- what the box is about

    @property
    def profile(self) -> Profile:
        """The person's list."""
        return self.session.profile

    @property
    def filters(self) -> Filters:
        """What may be recommended, as it is set."""
        return self.filter_panel.filters

    def use(self, session: ListSession, page: PageAddress) -> None:
        """Show the list of a visitor of a page; what becomes of it is kept there."""
        self.session, self.page = session, page
        self._changed()
        self._look_again()
        self._tell_state(ready=True)

    @property
    def taste(self) -> str:
        """The person's mixture of the community's segments in a sentence; empty if unknown."""
        mixture = self.recommender.segment_mixture(self.profile)
        return mixture.text if mixture else ""

    def title(self, anime_id: int) -> str:
        """Return an anime's title, or its number if the catalogue lacks it."""
        anime = self.recommender.anime
        if anime_id not in anime.index:
            return f"anime {anime_id}"
        english = anime.at[anime_id, "title_english"] if self.english else None
        return english if isinstance(english, str) and english else anime.at[anime_id, "title"]

    def say(self, text: str, kind: str = "note", problems: tuple[str, ...] = ()) -> None:
        """Show one sentence: a ``note`` or an ``error``; none if empty."""
        self._text, self._kind, self._problems = text, kind, problems
        self._ways, self._import = {}, None
        self._show_said()

    # --- what the person does: each is called by an act of the page (`acts`)

    def add(self, anime_id: int, seen: int | None = None) -> None:
        """Put an anime on the list as liked; one that is there stays as it is."""
        if anime_id in self.profile:
            self.say(f"{self.title(anime_id)} is on your list already: change it there.")
            self.view.text = ""
            return
        self.change(lambda session: session.add(anime_id, seen, liked=True))

    def say_of(self, anime_id: int, seen: int | None, said: str, **changes: object) -> None:
        """Change an anime's entry, and say what that means."""
        if self.change(lambda session: session.set(anime_id, seen, **changes)):
            self.say(f"{self.title(anime_id)} {said}")

    def change(self, change: Callable[[ListSession], object]) -> bool:
        """Change the list where it is kept, and recommend anew; return whether it was done."""
        self.say("")
        done = False
        try:
            done = bool(change(self.session))
        except InputError as error:
            self.say(sentence(str(error)), "error")
        self._changed()
        return done

    def undo(self, seen: int | None = None) -> None:
        """Take back the last change of the list, or its deletion."""
        deleted = self.session.place == Place.DELETED and not self.session.can_undo
        self.change(lambda session: session.restore() if deleted else session.undo(seen))

    def load(self, content: bytes) -> None:
        """Take in a list from a file (`lists.read_list`); where it can be in several ways, ask."""
        try:
            self.offer(read_list(content, self.recommender.catalogue))
        except InputError as error:
            self.say(sentence(str(error)), "error")

    def offer(self, imported: Imported) -> None:
        """Take in what was understood of a list; where it can be in several ways, ask.

        Raises
        ------
        InputError
            If the list would become too long.
        """
        ways = self.session.preview(imported.profile)
        self.say(imported.text, problems=tuple(imported.problems))
        self._import = imported
        self._ways = {rule: merged.text for rule, merged in ways.items()}
        if len(ways) == 1:
            self.take_in(next(iter(ways)))
        self._show_said()

    def take_in(self, rule: Rule | None) -> None:
        """Take in what was offered by a rule, or leave it."""
        imported = self._import
        if imported is None:
            return
        if rule is None:
            self.say("The list is as it was.")
            return
        self.change(lambda session: session.take_in(imported.profile, rule))
        if not self._text:
            self.say(imported.text, problems=tuple(imported.problems))

    def ask_delete(self, answer: str) -> None:
        """Ask whether all that is kept of the list shall go, and do what is answered."""
        self.asked_delete = not answer
        if answer == "yes":
            self.session.delete()
            self._changed()
            self.say("Deleted: nothing of this list is kept any more. Undo brings it back.")
        self.show_tools()

    def follow(self) -> None:
        """Take over what was done to the list elsewhere, in another tab."""
        if self.session.follow():
            self._own = False
            self._changed()
            self._own = True

    def choose(self, name: str | None) -> None:
        """Show the list of that name; None: an empty one that is kept nowhere."""
        self.change(lambda session: session.choose(name))
        self._look_again()

    def keep_as(self, name: str) -> None:
        """Keep this list under a name, or begin another of that name."""
        self.change(lambda session: session.keep_as(name))

    def _look_again(self) -> None:
        """Take what a smaller catalogue lacked, and this one has, for entries."""
        again = found_again(self.profile, self.recommender.catalogue)
        if again is self.profile:
            return
        n = len(self.profile.unresolved) - len(again.unresolved)
        self.change(lambda session: session.take_in(again, Rule.REPLACE))
        self.say(
            f"Found now, after an update of the catalogue: {n} of the unknown titles on your list."
        )

    # --- searching

    def matches(self, text: str) -> tuple[pd.DataFrame, int | None]:
        """Return the anime that a text may mean, best first, and the one it certainly does."""
        certain = self.recommender.catalogue.titles.certain(text)
        sure = None if certain is None else certain.anime_id
        found = self.recommender.search(text, limit=MATCHES)
        if sure is not None and (not len(found) or int(found["anime_id"].iloc[0]) != sure):
            first = self.recommender.anime.loc[[sure]].reset_index()
            rest = found[found["anime_id"] != sure]
            found = pd.concat([first[found.columns], rest], ignore_index=True)[:MATCHES]
        return found, sure

    def search(self, text: str) -> None:
        """Offer what a text may mean while it is typed."""
        found, sure = self.matches(text)
        self.found = rendered("found", text=text, rows=self._named(found), sure=sure is not None)

    def take(self, text: str) -> None:
        """Take the anime that a text certainly means; otherwise offer what it may."""
        found, sure = self.matches(text)
        if sure is not None:
            self.pick(sure)
            named = self.title(sure)
            if not self._text and named.casefold() != text.strip().casefold():
                self.say(f"“{text}” was taken for {named}.")
            return
        self._offers = {**self._offers, text: found[:5]}
        self._offers = dict([*self._offers.items()][-MOST_OFFERS:])
        self._show_said()

    def pick(self, anime_id: int, seen: int | None = None, text: str = "") -> None:
        """Take an anime that was offered: to the list, or to be compared with."""
        self.dismiss(text)
        if self.shelf.name == ALIKE:
            self.compare(anime_id)
        else:
            self.add(anime_id, seen)

    def dismiss(self, text: str) -> None:
        """Offer nothing any more for a text."""
        if self._offers.pop(text, None) is not None:
            self._show_said()

    def _named(self, found: pd.DataFrame) -> list[dict[str, object]]:
        return [
            {
                "anime_id": int(row.anime_id),
                "name": match_name(row, self.english),
                "on_list": int(row.anime_id) in self.profile,
            }
            for row in found.itertuples()
        ]

    # --- the list's rows, and the tools

    def more_rows(self) -> None:
        """Show more rows of the list."""
        self.view.wanted += MORE_ROWS
        self.show_list()

    def open_tool(self, name: str) -> None:
        """Open a tool, or close it where it is open."""
        if name in TOOLS:
            self.opened = "" if name == self.opened else name
            self.asked_delete = False
            self.show_tools()

    def set_filters(self, change: Callable[[FilterPanel], None]) -> None:
        """Set filters, and recommend anew. Raises InputError if they contradict each other."""
        self.say("")
        try:
            change(self.filter_panel)
        finally:
            self._changed()

    def add_friend(self, name: str, profile: Profile) -> None:
        """Recommend for somebody else too. Raises InputError if there are too many."""
        self.shelf.add_friend(name, profile)
        self._changed()

    @property
    def asks_sites(self) -> bool:
        """Whether a list may be fetched by a user's name on another site."""
        return self.page is None or self.page.by_name

    # --- what is recommended

    def show_shelf(self, name: str) -> None:
        """Show another shelf."""
        self.say("")
        self.shelf.choose(name)
        self._changed()

    def compare(self, anime_id: int) -> None:
        """Show what is most similar to one anime."""
        self.shelf.anchor = anime_id
        self.show_shelf(ALIKE)

    def more(self) -> None:
        """Show more recommendations."""
        self._wanted += self.k
        self._show_results()

    def why(self, anime_id: int) -> None:
        """Add to a card all that speaks for it."""
        if anime_id in self.shown.get("anime_id", pd.Series(dtype=int)).to_numpy():
            reasons = self.recommender.explanations(
                self.profile, [anime_id], model=self.shelf.model, filters=self.filters
            )
            self._whys[anime_id] = details_html(reasons[0])
            self._show_cards()

    def where(self, text: str) -> None:
        """Say where an anime stands, and what holds it back."""
        anime_id = self.recommender.resolve(text)
        told = self.recommender.whereabouts(
            self.profile, anime_id, model=self.shelf.model, filters=self.filters
        )
        text = "It is not recommended to you now."
        if told.rank is not None:
            text = f"Place {told.rank:,} of {told.among:,} that may be recommended to you."
        reasons = [sentence(reason) for reason in told.reasons]
        self.found_where = {"title": self.title(anime_id), "text": text, "reasons": reasons}
        self.show_tools()

    def prefer(self, english: bool | None = None, filters: Mapping | None = None) -> None:
        """Take over what the person prefers, and have the browser remember it."""
        if english is not None:
            self.english = english
        if filters is not None:
            self.filter_panel.filters = Filters.of_saved(filters)
        self._changed()

    def show_images(self, on: bool) -> None:
        """Show covers, or hide them, in a notebook."""
        self._images = on
        self._show_results()

    @property
    def images(self) -> bool:
        """Whether covers are shown: where the page allows them, or the person switched them on."""
        return self.page.images if self.page else self._images

    # --- hearing what the page says

    def _heard(self, _: object, content: object, buffers: list) -> None:
        """Do what the page says; what no page says is left out, with a line in the log."""
        try:
            act = Act.of(content, buffers, self.recommender.anime.index)
            acts[act.name](self, act)
        except BadAct as error:
            log.warning("a page said what none says: %s", error)
        except InputError as error:
            self.say(sentence(str(error)), "error")
        except Exception:
            self._failed()
            raise
        finally:
            self.answered = max(self.answered + 1, Act.number(content))

    def _failed(self) -> None:
        self.say("Something went wrong here; your list is kept. Try another setting.", "error")

    # --- showing it

    def _changed(self) -> None:
        self._wanted = self.k
        self.refresh()

    def refresh(self) -> None:
        """Show the list and what is recommended for it."""
        try:
            with self.hold_sync():
                self.show_list()
                self._show_results()
                self._show_said()
                self._show_foot()
                self._tell_state()
        except Exception:
            self._failed()
            raise

    def _tell_state(self, ready: bool | None = None) -> None:
        place = self.session.place
        self.state = {
            "ready": self.state.get("ready", self.page is None) if ready is None else ready,
            "page": self.page is not None,
            "place": place.value,
            "generation": self.session.generation,
            "own": self._own,
            "most": MOST_FILE,
            "forgotten": place in (Place.DELETED, Place.GONE),
            "preferences": {"english": self.english, "filters": _plain(self.filters.saved())},
        }

    def _show_said(self) -> None:
        self.said = rendered(
            "said",
            seen=self.session.generation,
            text=self._text,
            kind=self._kind,
            problems=self._problems,
            ways=[(rule.value, f"{RULES[rule]}: {text}") for rule, text in self._ways.items()]
            if self._import is not None and len(self._ways) > 1
            else [],
            offers=[
                {"text": text, "rows": self._named(found)} for text, found in self._offers.items()
            ],
            undoable=self.session.can_undo or self.session.can_restore,
        )

    def show_list(self) -> None:
        """Show the rows of the list as they are searched and sorted, and where it is kept."""
        profile, view = self.profile, self.view
        ids = view.ids(profile, self.title)
        rows = [list_panel.row(a, profile[a], self.title(a)) for a in ids[: view.wanted]]
        left = len(ids) - len(rows)
        self.entries = rendered(
            "list",
            seen=self.session.generation,
            shown=bool(profile),
            count="1 title" if len(profile) == 1 else f"{len(profile):,} titles",
            long=len(profile) > LATEST,
            taste=self.taste,
            text=view.text,
            order=view.order,
            orders=ORDERS,
            rows=rows,
            statuses=STATUS_CHOICES,
            left=left,
            more=min(left, MORE_ROWS),
            total=f"{len(ids):,}",
        )
        text = list_panel.kept_text(self.session, self.page)
        lost = self.session.place in (Place.GONE, Place.DELETED, Place.NOWHERE)
        self.keep = rendered(
            "keep",
            text=text,
            address=self.session.place == Place.ADDRESS,
            new_list=self.page.new_list if self.page and lost else "",
        )

    def _show_results(self) -> None:
        """Ask for what the shelf recommends, and show it."""
        self._note = ""
        try:
            frame = self.shelf.recommended(self.profile, self._wanted, self.filters)
        except InputError as error:
            frame, self._note = None, sentence(str(error))
        self._starters = frame is None and self.shelf.needs_titles(self.profile)
        if frame is not None:
            self._note = sentence(frame.attrs.get("note", ""))
        self.shown = pd.DataFrame() if frame is None else frame
        self._whys = {}
        self._show_cards()
        self.shelves = rendered(
            "shelves", shelves=self.shelf.offered(self.profile), shelf=self.shelf.name
        )
        self.show_tools()

    def _show_cards(self) -> None:
        frame, shelf = self.shown, self.shelf
        explains = shelf.explains and len(frame)
        self.results = rendered(
            "results",
            seen=self.session.generation,
            starters=self._offered_starters() if self._starters else [],
            starters_text="Search above for the title to compare with, or take one of these:"
            if shelf.name == ALIKE
            else "Or start with one of these, if you liked it:",
            heading=(frame.attrs.get("heading") or shelf.heading(self.title))
            if len(frame) or self._note
            else "",
            back=NEW if shelf.name == ALIKE and self.profile else "",
            again=shelf.name == SURPRISE,
            choice=shelf.choice(self.profile, self.title),
            note=self._note,
            cards=[
                {
                    "anime_id": int(row.anime_id),
                    "title": names_of(row, self.english)[0],
                    "html": Markup(
                        card_html(
                            row,
                            self.images,
                            self.english,
                            self._whys.get(int(row.anime_id), "") if explains else None,
                        )
                    ),
                }
                for row in frame.itertuples()
            ],
            more=0 < self._wanted <= len(frame),
        )

    def _offered_starters(self) -> list[dict[str, object]]:
        offered = self.recommender.to_rate(self.profile, k=STARTERS, filters=Filters())
        return [
            {"anime_id": int(row.anime_id), "title": names_of(row, self.english)[0]}
            for row in offered.itertuples()
        ]

    def show_tools(self) -> None:
        """Show the tools, and the open one as it is now."""
        used = self.filter_panel.in_use()
        labels = {name: tool.label for name, tool in TOOLS.items()}
        labels["filters"] += f" ({used})" if used else ""
        self.panels = rendered(
            "panels",
            seen=self.session.generation,
            tools=list(labels.items()),
            open=self.opened,
            **(TOOLS[self.opened].values(self) if self.opened else {}),
        )

    def _show_foot(self) -> None:
        """Show what must be said of the data, and which version of the models recommends."""
        version = self.recommender.version
        said = [self._footnote]
        said += [f"Recommended by {version}."] if version.number else []
        self.foot = str(
            Markup("").join(
                Markup("<p class='anirec-soft'>{}</p>").format(text) for text in said if text
            )
        )


def _plain(saved: Mapping[str, object]) -> dict[str, object]:
    """Return what is saved of filters as JSON keeps it."""
    return {name: [*value] if isinstance(value, tuple) else value for name, value in saved.items()}
