"""The box against a model of the list: whatever is clicked, on pages however old."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from small_run import small_run

from anirec.app.acts import acts
from anirec.app.box import RecommenderBox
from anirec.app.shelf import ALIKE
from anirec.profiles import Entry
from anirec.recommender import AnimeRecommender

PARTS = ("said", "found", "shelves", "results", "entries", "panels")
EMPTY_ELEMENTS = {"input", "br", "img", "hr"}
ENTRY_ACTS = {"seen_it": {"status": "completed"}, "plan": {"status": "plan_to_watch"},
              "not_for_me": {"status": "wont_watch"}, "less_like": {"liked": False}}  # fmt: skip
LOOKING = ("shelf", "more", "again", "why", "compare", "open", "segment", "liked", "model", "chip",
           "reset", "dismiss", "more_rows")  # fmt: skip
"""Acts that change nothing of a list."""

CHOICES = {"rate": ["", "2", "5", "10"], "status": ["", "completed", "dropped", "plan_to_watch"]}
SAYING = (*ENTRY_ACTS, *CHOICES, "pick", "thumb", "count", "remove", "undo")
PLAIN = {"undo", "follow", "delete", "choose", "keep_as", "rows", "rewatch", "teach", "prefer",
         "english", "images", "reset", "more", "again", "more_rows"}  # fmt: skip
"""Acts that need no more than their name, or that take a list away."""

TYPED = {"Tea Time": 6, "iron sky ii": 2, "steel hearts": 4}


class Controls(HTMLParser):
    """The controls of a page: for each its act, and what its script would say with it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[dict[str, object]] = []
        self._above: list[dict[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = {name: value or "" for name, value in attrs}
        self._above.append(own)
        if "data-act" in own or "data-why" in own:
            said: dict[str, object] = {"act": own.get("data-act", "why")}
            if "data-value" in own:
                said["value"] = own["data-value"]
            for name, key in (("anime", "data-anime"), ("seen", "data-seen")):
                nearest = next((one[key] for one in self._above[::-1] if key in one), None)
                if nearest is not None:
                    said[name] = int(nearest)
            self.found.append(said)
        if tag in EMPTY_ELEMENTS:
            self._above.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in EMPTY_ELEMENTS:
            self._above.pop()


class Clicks(RuleBasedStateMachine):
    """Somebody clicks through the box, now and then on a page that was drawn some clicks ago."""

    recommender: AnimeRecommender

    def __init__(self) -> None:
        super().__init__()
        self.box = RecommenderBox(self.recommender, k=4)
        self.list: dict[int, Entry] = {}
        self.past: list[dict[int, Entry]] = []
        self.pages: list[tuple[list[dict], set[int], list[bool]]] = []
        self._draw()

    def _draw(self) -> None:
        html = "".join(getattr(self.box, part) for part in PARTS)
        self.pages = [*self.pages[-3:], (Controls(html).found, set(), [False])]

    def _say(self, **said: object) -> None:
        answered = self.box.answered
        self.box._heard(self.box, said, [])
        assert self.box.answered == answered + 1
        self._draw()

    def _became(self, after: dict[int, Entry]) -> None:
        """Note a change that was made, unless it made none."""
        if after != self.list:
            self.past.append(self.list)
            self._note(after)

    def _note(self, after: dict[int, Entry]) -> None:
        for _, touched, changed in self.pages:
            changed[0] = True
            touched |= {a for a in {**self.list, **after} if self.list.get(a) != after.get(a)}
        self.list = after

    def _with(self, anime_id: int, **changes: object) -> dict[int, Entry]:
        return {**self.list, anime_id: replace(self.list.get(anime_id, Entry()), **changes)}

    def _clicked(self, said: dict, late: bool, undo_late: bool) -> None:
        """Tell the model what a control does. What comes late does nothing."""
        act, anime_id, value = said["act"], said.get("anime"), said.get("value", "")
        entry = self.list.get(anime_id)
        if act == "undo":
            if self.past and not undo_late:
                self._note(self.past.pop())
        elif late:
            return
        elif act == "pick" and self.box.shelf.name != ALIKE:
            if entry is None:
                self._became(self._with(anime_id, liked=True))
        elif act in ENTRY_ACTS:
            self._became(self._with(anime_id, **ENTRY_ACTS[act]))
        elif act == "rate":
            self._became(self._with(anime_id, rating=float(value) if value else None, liked=None))
        elif act == "status":
            self._became(self._with(anime_id, status=value or None))
        elif act == "count":
            self._became(self._with(anime_id, uncounted=not entry.uncounted))
        elif act == "remove" and entry is not None:
            self._became({a: e for a, e in self.list.items() if a != anime_id})
        elif act == "thumb":
            liked = value == "up"
            liked = None if entry.liked is liked else liked
            low = entry.rating is not None and liked is not None and (entry.rating < 5) == liked
            self._became(self._with(anime_id, liked=liked, **({"rating": None} if low else {})))

    @rule(age=st.integers(0, 2), place=st.integers(0, 10**6), choice=st.integers(0, 3))
    def click(self, age: int, place: int, choice: int) -> None:
        """A control of this page, or of one that was drawn before."""
        controls, touched, changed = self.pages[max(len(self.pages) - 1 - age, 0)]
        usable = [one for one in controls if one["act"] in (*LOOKING, *SAYING)]
        said = dict(usable[place % len(usable)])
        if said["act"] in CHOICES:
            said["value"] = CHOICES[said["act"]][choice]
        late = said["act"] in SAYING and "seen" in said and said.get("anime") in touched
        self._clicked(said, late, changed[0])
        self._say(**said)

    @rule(age=st.integers(0, 1), place=st.integers(0, 10**6))
    def click_twice(self, age: int, place: int) -> None:
        """Before the page can have changed: the second click is late where the first did much."""
        controls, touched, changed = self.pages[max(len(self.pages) - 1 - age, 0)]
        usable = [one for one in controls if one["act"] in SAYING and one["act"] not in CHOICES]
        if usable:
            said = usable[place % len(usable)]
            for _ in range(2):
                late = "seen" in said and said.get("anime") in touched
                self._clicked(said, late, changed[0])
                self._say(**said)

    @rule(text=st.sampled_from([*TYPED]))
    def type_and_enter(self, text: str) -> None:
        self._say(act="search", value=text[:4])
        if self.box.shelf.name != ALIKE and TYPED[text] not in self.list:
            self._became(self._with(TYPED[text], liked=True))
        self._say(act="take", value=text)

    @rule(
        act=st.sampled_from([*acts]),
        anime=st.sampled_from([None, -1, 99, True, "6", 2**60]),
        value=st.one_of(st.none(), st.booleans(), st.integers(), st.just({"text": []})),
    )
    def what_no_page_says(self, act: str, anime: object, value: object) -> None:
        if act not in PLAIN:
            self._say(act=act, anime=anime, value=value, seen=0)

    @invariant()
    def the_page_shows_the_list(self) -> None:
        box = self.box
        assert dict(box.profile) == self.list
        assert "Something went wrong" not in box.said
        rows = [one["anime"] for one in Controls(box.entries).found if one["act"] == "remove"]
        assert set(rows) <= set(self.list)
        assert len(rows) == len(set(rows)) == min(len(self.list), box.view.wanted)
        cards = [one["anime"] for one in Controls(box.results).found if one["act"] == "seen_it"]
        assert len(cards) == len(set(cards))
        if box.shelf.name != ALIKE:
            planned = {a for a, e in self.list.items() if e.status == "plan_to_watch"}
            assert not set(cards) & set(self.list) - planned
        undoable = any(one["act"] == "undo" for one in Controls(box.said).found)
        assert undoable == bool(self.past)


@pytest.fixture(scope="module", autouse=True)
def engine(tmp_path_factory: pytest.TempPathFactory) -> None:
    Clicks.recommender = AnimeRecommender.load(small_run(tmp_path_factory.mktemp("run")))


TestClicks = Clicks.TestCase
TestClicks.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, database=None
)


@pytest.mark.long
class TestManyClicks(Clicks.TestCase):
    settings = settings(TestClicks.settings, max_examples=200)
