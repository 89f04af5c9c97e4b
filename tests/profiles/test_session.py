"""A person's list while they use it: clicks that come late, other tabs, deletion, names."""

from __future__ import annotations

import sqlite3
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from anirec.config import InputError
from anirec.profiles import (
    Entry,
    ListSession,
    Place,
    Profile,
    ProfileStore,
    UnknownProfile,
    Unresolved,
)
from anirec.profiles import session as session_module
from anirec.profiles import store as profile_store
from anirec.profiles.merging import Rule


@pytest.fixture
def store(tmp_path: Path) -> ProfileStore:
    return ProfileStore(tmp_path / "profiles.sqlite")


def count(store: ProfileStore, table: str = "profile") -> int:
    with sqlite3.connect(store.file) as database:
        return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def two_tabs(store: ProfileStore) -> tuple[ListSession, ListSession]:
    first, second = ListSession(store), ListSession(store)
    first.set(1, rating=8)
    second.open(first.token)
    return first, second


# --- where it is kept


def test_a_list_is_kept_from_the_first_change_on(store: ProfileStore) -> None:
    session = ListSession(store)
    assert (session.place, session.token, count(store)) == (Place.TO_COME, None, 0)
    session.undo()
    assert count(store) == 0
    session.set(1, rating=8)
    assert session.place == Place.ADDRESS
    assert store.open(session.token).read() == Profile({1: Entry(8)})


def test_empty_profiles_expire_and_no_others(store: ProfileStore) -> None:
    kept, token = store.create(Profile({1: Entry(8)}))
    emptied, _ = store.create(Profile({1: Entry(8)}))
    emptied.remove(1)
    store.create()
    store.create_named("Empty")
    with sqlite3.connect(store.file) as database:
        database.execute("UPDATE profile SET created = datetime('now', '-2 days')")
    _, fresh = store.create()
    store.create()
    assert count(store) == 5
    assert store.open(token).read() == kept.read()
    assert store.open(fresh).read() == Profile()
    assert store.names() == ["Empty"]


def test_a_list_of_ones_own_is_named_at_its_first_change(store: ProfileStore) -> None:
    session = ListSession(store, named=True)
    assert session.names() == []
    session.set(1)
    assert (session.place, session.name, session.names()) == (Place.NAME, "My list", ["My list"])
    other = ListSession(store, named=True)
    other.set(2)
    assert other.name == "My list 2"
    assert list(store.named("My list").read()) == [1]


def test_what_is_added_to_none_of_the_lists_goes_into_none(store: ProfileStore) -> None:
    unknown = Unresolved("Unheard of", Entry(3))
    store.create_named("My list", Profile({1: Entry(8)}, (unknown,)))
    session = ListSession(store, named=True)
    session.choose("My list")
    session.choose(None)
    assert (session.place, len(session.profile)) == (Place.NOWHERE, 0)
    session.set(2, rating=3)
    session.take_in(Profile({3: Entry(5)}, (Unresolved("Another"),)))
    assert store.named("My list").read() == Profile({1: Entry(8)}, (unknown,))
    with pytest.raises(InputError, match="there is a list 'My list' already"):
        session.keep_as("My list")
    assert list(session.profile) == [2, 3]
    session.keep_as(" Other  list ")
    assert session.name == "Other list"
    assert store.named("Other list").read() == session.profile
    session.keep_as("Third")
    assert (session.name, len(session.profile)) == ("Third", 0)


def test_what_an_import_would_do_is_told_before(store: ProfileStore) -> None:
    session = ListSession(store)
    assert session.preview(Profile({1: Entry(8)})).keys() == {Rule.MERGE}  # all do the same
    session.take_in(Profile({1: Entry(8), 2: Entry(liked=True), 3: Entry(4)}))
    imported = Profile({1: Entry(9), 2: Entry(), 4: Entry(6)}, (Unresolved("A"),))
    told = {rule: merged.text for rule, merged in session.preview(imported).items()}
    assert told == {
        Rule.MERGE: "2 new, 1 changed",
        Rule.REPLACE: "2 new, 2 changed, 1 gone",
        Rule.ADD: "2 new",
    }
    assert session.profile[1] == Entry(8)


@pytest.mark.parametrize(
    ("rule", "entries"),
    [
        (Rule.MERGE, {1: Entry(9), 2: Entry(liked=True), 3: Entry(4), 4: Entry(6)}),
        (Rule.REPLACE, {1: Entry(9), 2: Entry(), 4: Entry(6)}),
        (Rule.ADD, {1: Entry(8), 2: Entry(liked=True), 3: Entry(4), 4: Entry(6)}),
    ],
)
def test_an_import_is_taken_in_by_a_rule_and_undone_in_one_step(
    store: ProfileStore, rule: Rule, entries: dict[int, Entry]
) -> None:
    """A blank in the file wipes nothing that was given here, unless the file takes its place."""
    session = ListSession(store)
    session.take_in(Profile({1: Entry(8), 2: Entry(liked=True), 3: Entry(4)}))
    before = session.profile
    assert session.take_in(Profile({1: Entry(9), 2: Entry(), 4: Entry(6)}), rule)
    assert dict(session.profile) == entries
    session.undo()
    assert session.profile == before


def test_an_import_keeps_what_earlier_ones_could_not_find(store: ProfileStore) -> None:
    for session in (ListSession(store), ListSession()):
        session.take_in(Profile({1: Entry(8)}, (Unresolved("A", Entry(3)), Unresolved("B"))))
        session.take_in(Profile({2: Entry(7)}, (Unresolved("A", Entry(9)), Unresolved("C"))))
        titles = {missing.title: missing.entry.rating for missing in session.profile.unresolved}
        assert titles == {"A": 9, "B": None, "C": None}
        session.undo()
        assert session.profile.unresolved == (Unresolved("A", Entry(3)), Unresolved("B"))


def test_a_list_that_is_kept_nowhere_has_the_same_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_store, "MAX_ENTRIES", 3)
    monkeypatch.setattr(profile_store, "MOST_UNDONE", 2)
    session = ListSession()
    for rating in (5, 6, 7):
        session.set(1, rating=rating)
    with pytest.raises(InputError, match="at most 3 entries"):
        session.take_in(Profile({2: Entry()}, (Unresolved("A"), Unresolved("B"))))
    assert session.profile == Profile({1: Entry(7)})
    session.undo()
    session.undo()
    assert not session.can_undo
    assert session.profile == Profile({1: Entry(5)})


def test_a_name_deleted_elsewhere_is_not_made_anew(store: ProfileStore) -> None:
    session = ListSession(store, named=True)
    store.create_named("Theirs")
    session.set(1)
    store.named("Theirs").delete()
    with pytest.raises(UnknownProfile, match="no list 'Theirs'"):
        session.choose("Theirs")
    assert (session.name, list(session.profile)) == ("My list", [1])
    assert store.names() == ["My list"]


# --- clicks


def test_a_click_that_comes_late_does_nothing() -> None:
    session = ListSession()
    for anime_id in (1, 2, 3):
        session.set(anime_id, liked=True)
    seen = session.generation
    assert session.remove(2, seen)
    assert not session.remove(2, seen)
    assert session.set(1, seen, rating=9)
    assert not session.set(1, seen, liked=False)
    assert not session.undo(seen)
    assert session.profile == Profile({1: Entry(9, liked=True), 3: Entry(liked=True)})
    assert session.undo(session.generation)
    assert session.profile[1] == Entry(liked=True)


# --- several tabs


def test_tabs_follow_each_other_and_undo_their_own(store: ProfileStore) -> None:
    first, second = two_tabs(store)
    assert not first.follow()
    second.set(2, rating=3)
    second.set(1, status="dropped")
    assert first.follow()
    assert first.profile == second.profile
    assert not first.follow()
    first.set(3, rating=9)
    assert first.undo()
    assert list(first.profile) == [1, 2]
    first.undo()
    assert first.profile[1] == Entry(8, "dropped")
    assert second.undo()
    assert second.undo()
    assert second.profile == Profile({1: Entry(8)})


def test_undo_leaves_what_another_tab_changed_since(store: ProfileStore) -> None:
    first, second = two_tabs(store)
    second.set(1, rating=3)
    first.undo()
    assert first.profile == Profile({1: Entry(3)})


def test_a_reloaded_tab_goes_on_as_the_same_author(store: ProfileStore) -> None:
    first = ListSession(store)
    first.as_author("tab")
    first.set(1, rating=8)
    again = ListSession(store)
    again.open(first.token)
    assert not again.can_undo
    again.as_author("tab")
    assert again.can_undo
    again.undo()
    assert again.profile == Profile()


def test_a_list_deleted_in_another_tab_is_said_to_be_gone(store: ProfileStore) -> None:
    for notice in ("set", "follow", "delete", "can_undo"):
        first, second = two_tabs(store)
        second.delete()
        if notice == "set":
            with pytest.raises(UnknownProfile, match="deleted in another tab"):
                first.set(2)
        elif notice == "can_undo":
            assert not first.can_undo
        else:
            getattr(first, notice)()
        assert (first.place, first.profile) == (Place.GONE, Profile())
        first.delete()
        first.set(3)
        assert (first.place, list(first.profile)) == (Place.GONE, [3])
        assert count(store) == 0


# --- deletion


def test_what_was_deleted_can_be_brought_back_for_a_while(
    store: ProfileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = ListSession(store)
    session.take_in(Profile({1: Entry(8), 2: Entry(liked=True)}, (Unresolved("A"),)))
    token, before = session.token, session.profile
    session.delete()
    session.delete()
    assert (session.place, session.profile, session.can_undo) == (
        Place.DELETED, Profile(), False,
    )  # fmt: skip
    for table in ("profile", "entry", "unresolved", "change"):
        assert count(store, table) == 0
    with pytest.raises(UnknownProfile):
        store.open(token)
    session.set(5, rating=7)
    assert session.restore()
    assert (session.place, session.token) == (Place.ADDRESS, token)
    assert store.open(token).read() == before.set(5, rating=7)
    session.delete()
    monkeypatch.setattr(session_module, "RESTORABLE_S", 0)
    assert not session.can_restore
    assert not session.restore()


def test_a_named_list_comes_back_under_its_name(store: ProfileStore) -> None:
    session = ListSession(store, named=True)
    session.set(1)
    session.delete()
    assert session.names() == []
    session.restore()
    assert (session.name, list(session.profile)) == ("My list", [1])
    loose = ListSession()
    loose.set(1)
    loose.delete()
    loose.restore()
    assert (loose.place, list(loose.profile)) == (Place.NOWHERE, [1])


# --- against a model of the list


IDS = st.integers(1, 6)
SAID = st.fixed_dictionaries(
    {},
    optional={
        "rating": st.sampled_from([None, 2, 7, 10]),
        "liked": st.sampled_from([None, True, False]),
        "status": st.sampled_from([None, "completed", "dropped"]),
    },
)


TABS = st.integers(0, 1)


class Lists(RuleBasedStateMachine):
    """Two tabs on a list, against a dict and a stack of changes for each tab."""

    def __init__(self) -> None:
        super().__init__()
        self.stores = self.opened()
        self.tabs = [ListSession(store) for store in self.stores]
        self.tabs[0].set(1)
        self.token = self.tabs[0].token
        self.tabs[1].open(self.token)
        self.list: dict[int, Entry] = {1: Entry()}
        self.past: list[list[dict]] = [[{1: (None, Entry())}], []]
        self.seen = [session.generation for session in self.tabs]
        self.touched: list[set[int]] = [set(), set()]

    def opened(self) -> list[ProfileStore]:
        return [ProfileStore(None)] * 2

    def _do(self, tab: int, after: dict[int, Entry | None]) -> None:
        change = {a: (self.list.get(a), e) for a, e in after.items() if self.list.get(a) != e}
        if change:
            self.past[tab].append(change)
            for anime_id, entry in after.items():
                self._put(anime_id, entry)

    def _put(self, anime_id: int, entry: Entry | None) -> None:
        for touched in self.touched:
            touched.add(anime_id)
        if entry is None:
            self.list.pop(anime_id, None)
        else:
            self.list[anime_id] = entry

    def _after(self, anime_id: int, **said: object) -> Entry:
        return Entry(**{**vars(self.list.get(anime_id, Entry())), **said})

    @rule(tab=TABS, anime_id=IDS, said=SAID)
    def set(self, tab: int, anime_id: int, said: dict) -> None:
        entry = self._after(anime_id, **said)
        self.tabs[tab].set(anime_id, **said)
        self._do(tab, {anime_id: entry})

    @rule(tab=TABS, anime_id=IDS)
    def add(self, tab: int, anime_id: int) -> None:
        """What is on the list stays as it is."""
        done = self.tabs[tab].add(anime_id, liked=True)
        assert done == (anime_id not in self.list)
        if done:
            self._do(tab, {anime_id: Entry(liked=True)})

    @rule(tab=TABS, anime_id=IDS, rating=st.sampled_from([None, 2, 5, 10]))
    def rate(self, tab: int, anime_id: int, rating: int | None) -> None:
        entry = self._after(anime_id, rating=rating, liked=None)
        self.tabs[tab].rate(anime_id, rating)
        self._do(tab, {anime_id: entry})

    @rule(tab=TABS, anime_id=IDS, liked=st.sampled_from([None, True, False]))
    def thumb(self, tab: int, anime_id: int, liked: bool | None) -> None:
        """A ten and "Disliked" exclude each other, as a two and "Liked" do."""
        entry = self._after(anime_id, liked=liked)
        opposite = entry.rating is not None and liked == (entry.rating < 5) and liked is not None
        self.tabs[tab].thumb(anime_id, liked)
        self._do(tab, {anime_id: replace(entry, rating=None) if opposite else entry})

    @rule(tab=TABS, anime_id=IDS)
    def remove_twice(self, tab: int, anime_id: int) -> None:
        session = self.tabs[tab]
        seen = session.generation
        session.remove(anime_id, seen)
        session.remove(anime_id, seen)
        self._do(tab, {anime_id: None})

    @rule(tab=TABS, anime_id=IDS, rating=st.sampled_from([3, 9]))
    def click_on_what_was_shown(self, tab: int, anime_id: int, rating: int) -> None:
        """It counts where nothing happened to the entry since the tab was looked at."""
        entry = self._after(anime_id, rating=rating, liked=None)
        late = anime_id in self.touched[tab]
        done = self.tabs[tab].rate(anime_id, rating, self.seen[tab])
        assert done == (not late and entry != self.list.get(anime_id))
        if done:
            self._do(tab, {anime_id: entry})

    @rule(tab=TABS)
    def look(self, tab: int) -> None:
        self.seen[tab] = self.tabs[tab].generation
        self.touched[tab] = set()

    @rule(tab=TABS, ids=st.sets(IDS, max_size=4))
    def take_in(self, tab: int, ids: set[int]) -> None:
        entries = {anime_id: Entry(rating=anime_id) for anime_id in sorted(ids)}
        self.tabs[tab].take_in(Profile(entries))
        self._do(tab, {a: self._after(a, rating=entry.rating) for a, entry in entries.items()})

    @rule(tab=TABS)
    def undo(self, tab: int) -> None:
        assert self.tabs[tab].undo() == self._undone(tab)

    def _undone(self, tab: int) -> bool:
        """Take back a tab's last change, but for what the other changed since."""
        before = dict(self.list)
        if self.past[tab]:
            for anime_id, (was, became) in self.past[tab].pop().items():
                if self.list.get(anime_id) == became:
                    self._put(anime_id, was)
        return self.list != before

    @precondition(lambda self: self.list)
    @rule(tab=TABS)
    def delete_and_restore(self, tab: int) -> None:
        """The history goes; the other tab is told so, and opens the list again."""
        session, other = self.tabs[tab], self.tabs[1 - tab]
        session.delete()
        assert (session.place, dict(session.profile)) == (Place.DELETED, {})
        other.follow()
        assert (other.place, dict(other.profile)) == (Place.GONE, {})
        assert session.restore()
        other.open(self.token)
        self.past = [[], []]
        for touched in self.touched:
            touched.update(self.list)

    @rule(tab=TABS)
    def reload(self, tab: int) -> None:
        """A new session of the same tab knows the list, and what this tab may take back."""
        author = self.tabs[tab].author
        self.tabs[tab] = ListSession(self.stores[tab], author=author)
        self.tabs[tab].open(self.token)
        self.look(tab)

    @invariant()
    def tabs_show_the_list(self) -> None:
        for session, past in zip(self.tabs, self.past, strict=True):
            session.follow()
            assert dict(session.profile) == self.list
            assert session.can_undo == bool(past)


class KeptLists(Lists):
    """The same with each tab in a process of its own, so to say: on a file."""

    def opened(self) -> list[ProfileStore]:
        self.folder = tempfile.TemporaryDirectory()
        file = Path(self.folder.name) / "profiles.sqlite"
        return [ProfileStore(file), ProfileStore(file)]

    def teardown(self) -> None:
        self.folder.cleanup()


Lists.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, database=None
)
TestLists = Lists.TestCase
KeptLists.TestCase.settings = settings(Lists.TestCase.settings, max_examples=200)
TestKeptLists = pytest.mark.long(KeptLists.TestCase)
