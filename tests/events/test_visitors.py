"""Lists of the page teach the models only while their owners agree."""

from __future__ import annotations

import pytest

from anirec.config import Paths
from anirec.events import updating
from anirec.events.follower import Follower
from anirec.events.visitors import FIRST
from anirec.profiles import Entry, ListSession, Place, ProfileStore


@pytest.fixture
def follow(paths: Paths):
    """Return a function that updates the models and returns who follows."""
    store = ProfileStore.of("sample")
    return lambda: updating.update(paths, None, print, print, visitors=store)


@pytest.fixture
def session(paths: Paths, lists) -> ListSession:
    """A visitor's list of four titles."""
    session = ListSession(ProfileStore.of("sample"))
    popular = [int(a) for a in lists["anime_id"].value_counts().index[:5]]
    session.set(popular[0], rating=9.0, status="completed")
    session.set(popular[1], liked=True)
    session.set(popular[2], liked=False)
    session.set(popular[3], rating=6.4, status="unknown")
    assert session.place == Place.ADDRESS
    return session


def learned(follower: Follower) -> dict[int, tuple[float, str | None]]:
    """Return the visitors' entries that the models know."""
    frame = follower.community.entries(follower.seq, follower.store.users_from(FIRST))
    frame = frame.astype({"status": object}).where(frame.notna(), None)
    rows = frame.itertuples(index=False)
    return {row.anime_id: (row.rating, row.status) for row in rows}


def test_nobody_teaches_who_did_not_say_so(session, follow) -> None:
    assert not session.teaches
    assert learned(follow()) == {}


def test_a_list_teaches_until_its_owner_takes_that_back(session, follow) -> None:
    users = follow().models.n_users
    session.teach(True)
    anime = list(session.profile)
    follower = follow()
    assert follower.models.n_users == users + 1
    told = learned(follower)
    assert set(told) == {anime[0], anime[1], anime[3]}, "what is not for them was not watched"
    assert told[anime[0]] == (9, "completed") and told[anime[1]] == (9, None)
    assert told[anime[3]] == (6, None)
    session.remove(anime[1])
    session.set(anime[0], rating=2.0)
    told = learned(follow())
    assert anime[1] not in told and told[anime[0]][0] == 2
    known = follower.store.last
    assert follow().store.last == known, "what is as it was makes no events"
    session.teach(False)
    follower = follow()
    assert follower.models.n_users == users
    left = follower.store._rows("SELECT DISTINCT op FROM event WHERE user >= ?", (FIRST,))
    assert left == [("delete-user",)], "nothing else is kept of it"


def test_a_deleted_list_teaches_no_more(session, follow) -> None:
    session.teach(True)
    users = follow().models.n_users
    session.delete()
    assert follow().models.n_users == users - 1
    session.restore()
    assert not session.teaches, "who brings it back is asked again"


def test_the_page_asks_only_where_its_operator_agreed(paths, session, monkeypatch) -> None:
    from anirec.app.box import RecommenderBox
    from anirec.app.page import LEARNS_VARIABLE, page_of
    from anirec.recommender import LatestRecommender

    box = RecommenderBox(LatestRecommender(paths), page=page_of(""))
    box.open_tool("lists")
    box.use(session, page_of(f"profile={session.token}"))
    assert 'data-act="teach"' not in box.panels
    monkeypatch.setenv(LEARNS_VARIABLE, "1")
    box.use(session, page_of(f"profile={session.token}"))
    assert 'data-act="teach">' in box.panels
    box._heard(box, {"act": "teach", "value": True}, [])
    assert 'data-act="teach" checked>' in box.panels
    assert session.teaches
    assert Entry(rating=9.0, status="completed") in session.profile.values()
