"""What a page may say to its box: each act, what it must carry, and what it does.

A page's word is not believed: whatever is not exactly what an act takes does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from anirec.app.list_panel import ORDERS
from anirec.config import InputError
from anirec.lists import MAX_UPLOAD, read_list
from anirec.lists.called import token_of
from anirec.lists.online import SITES, read_users_list
from anirec.profiles import LIST_STATUSES, Profile, UnknownProfile
from anirec.profiles.merging import Rule

MOST_TEXT = 300
"""Characters of a text that a person types into the box."""

MOST_VALUES = 300
"""Values that one act carries: what a browser remembers of the filters has most."""


class BadAct(Exception):
    """A page said what no page of ours says."""


@dataclass(frozen=True)
class Act:
    """One thing that a page says.

    Attributes
    ----------
    name : the act, one of `acts`.
    anime : the id of the anime it is about, one of the catalogue or the list; None for none.
    seen : the generation of the list that the page showed; None where it showed none.
    control : the name of the control, where an act has several.
    value : what was chosen or typed; texts are at most `MOST_TEXT` long.
    file : the bytes of a file.
    """

    name: str
    anime: int | None = None
    seen: int | None = None
    control: str = ""
    value: object = None
    file: bytes = b""

    @classmethod
    def of(cls, content: object, buffers: list, known: pd.Index) -> Act:
        """Return what a page said. Raises BadAct if no page of ours says it."""
        if not isinstance(content, dict) or content.get("act") not in acts:
            raise BadAct("no act")
        anime, seen, value = (content.get(name) for name in ("anime", "seen", "value"))
        if anime is not None and (type(anime) is not int or abs(anime) > 2**53):
            raise BadAct("an anime that is none")
        if seen is not None and type(seen) is not int:
            raise BadAct("a generation that is none")
        name = content.get("name") or ""
        if not isinstance(name, str) or len(name) > MOST_TEXT or not _is_small(value):
            raise BadAct("a value that no control has")
        act = content["act"]
        if act in NEED_ANIME and (anime is None or (anime not in known and act != "remove")):
            raise BadAct("no anime of the catalogue")
        file = bytes(buffers[0]) if buffers else b""
        if len(file) > MAX_UPLOAD:
            raise BadAct("a file that is too large")
        return cls(act, anime, None if seen is None or seen < 0 else seen, name, value, file)

    @staticmethod
    def number(content: object) -> int:
        """Return the number that a page gave an act; 0 if none."""
        number = content.get("n") if isinstance(content, dict) else None
        return number if type(number) is int and 0 <= number < 2**31 else 0

    @property
    def text(self) -> str:
        """The text that was said, or typed into a form's field."""
        said = self.value.get("text") if isinstance(self.value, dict) else self.value
        if not isinstance(said, str):
            raise BadAct("no text")
        return said.strip()


def _is_small(value: object) -> bool:
    """Return whether a value is of a kind and size that a control can say."""
    values = [value]
    for _ in range(MOST_VALUES):
        if not values:
            return True
        one = values.pop()
        if isinstance(one, dict):
            values += [*one, *one.values()]
        elif isinstance(one, list):
            values += one
        elif not isinstance(one, str | bool | int | float | None) or len(str(one)) > MOST_TEXT:
            return False
    return False


acts: dict[str, Callable[..., None]] = {}
"""What each act does to a `RecommenderBox`, by its name."""


def _act(function: Callable[..., None]) -> Callable:
    acts[function.__name__.strip("_")] = function
    return function


NEED_ANIME = frozenset(
    ["pick", "seen_it", "plan", "not_for_me", "less_like", "compare", "why", "rate", "status",
     "thumb", "count", "remove"]
)  # fmt: skip
"""Acts on an anime."""

# --- the search field


@_act
def _search(box, act: Act) -> None:
    box.search(act.text)


@_act
def _take(box, act: Act) -> None:
    if act.text:
        box.take(act.text)


@_act
def _pick(box, act: Act) -> None:
    box.pick(act.anime, act.seen, act.value if isinstance(act.value, str) else "")


@_act
def _dismiss(box, act: Act) -> None:
    box.dismiss(act.text)


# --- cards


@_act
def _seen_it(box, act: Act) -> None:
    said = "is on your list as seen. Rate it there if you like."
    box.say_of(act.anime, act.seen, said, status="completed")


@_act
def _plan(box, act: Act) -> None:
    box.say_of(act.anime, act.seen, "is on your list as planned.", status="plan_to_watch")


@_act
def _not_for_me(box, act: Act) -> None:
    box.say_of(act.anime, act.seen, "will not come again.", status="wont_watch")


@_act
def _less_like(box, act: Act) -> None:
    box.say_of(act.anime, act.seen, "and what is like it count less now.", liked=False)


@_act
def _compare(box, act: Act) -> None:
    box.compare(act.anime)


@_act
def _why(box, act: Act) -> None:
    box.why(act.anime)


# --- the list


@_act
def _rate(box, act: Act) -> None:
    try:
        rating = float(act.text) if act.text else None
    except ValueError:
        raise BadAct("a rating that is none") from None
    if rating is not None and not 1 <= rating <= 10:
        raise BadAct("a rating that is none")
    box.change(lambda session: session.rate(act.anime, rating, act.seen))


@_act
def _status(box, act: Act) -> None:
    if act.text not in ("", *LIST_STATUSES):
        raise BadAct("a status that is none")
    box.change(lambda session: session.set(act.anime, act.seen, status=act.text or None))


@_act
def _thumb(box, act: Act) -> None:
    entry = box.profile.get(act.anime)
    if entry is None:
        return
    liked = act.text == "up"
    box.change(
        lambda session: session.thumb(act.anime, None if entry.liked is liked else liked, act.seen)
    )


@_act
def _count(box, act: Act) -> None:
    entry = box.profile.get(act.anime)
    if entry is not None:
        now = "counts again." if entry.uncounted else "does not count any more."
        box.say_of(act.anime, act.seen, now, uncounted=not entry.uncounted)


@_act
def _remove(box, act: Act) -> None:
    box.change(lambda session: session.remove(act.anime, act.seen))


@_act
def _undo(box, act: Act) -> None:
    box.undo(act.seen)


@_act
def _rows(box, act: Act) -> None:
    if act.control == "text":
        box.view.text = act.text
    elif act.text in dict(ORDERS):
        box.view.order = act.text
    box.show_list()


@_act
def _more_rows(box, act: Act) -> None:
    box.more_rows()


# --- shelves


@_act
def _shelf(box, act: Act) -> None:
    box.show_shelf(act.text)


@_act
def _more(box, act: Act) -> None:
    box.more()


@_act
def _again(box, act: Act) -> None:
    box.shelf.seed += 1
    box.show_shelf(box.shelf.name)


@_act
def _segment(box, act: Act) -> None:
    names = list(box.recommender.segments)
    box.shelf.segment = names[_place(act.text, len(names))]
    box.show_shelf(box.shelf.name)


@_act
def _liked(box, act: Act) -> None:
    ids = list(box.profile)
    box.shelf.liked = next((a for a in ids if str(a) == act.text), None)
    box.show_shelf(box.shelf.name)


# --- filters


@_act
def _filter(box, act: Act) -> None:
    box.set_filters(lambda panel: panel.choose(act.control, act.value))


@_act
def _chip(box, act: Act) -> None:
    name, _, place = act.text.partition(" ")
    box.set_filters(lambda panel: panel.toggle(name, place))


@_act
def _tag(box, act: Act) -> None:
    box.set_filters(lambda panel: panel.tag(act.control, act.text))


@_act
def _untag(box, act: Act) -> None:
    name, _, text = act.text.partition(" ")
    box.set_filters(lambda panel: panel.untag(name, text))


@_act
def _reset(box, act: Act) -> None:
    box.set_filters(lambda panel: panel.reset())


@_act
def _model(box, act: Act) -> None:
    if act.text not in box.recommender.fitted:
        raise BadAct("no model")
    box.shelf.model = act.text
    box.show_shelf(box.shelf.name)


# --- tools


@_act
def _open(box, act: Act) -> None:
    box.open_tool(act.text)


@_act
def _where(box, act: Act) -> None:
    box.where(act.text)


@_act
def _by_name(box, act: Act) -> None:
    site = act.value.get("site") if isinstance(act.value, dict) else None
    if site not in SITES or not box.asks_sites:
        raise BadAct("no site")
    box.offer(read_users_list(site, act.text, box.recommender.catalogue))


@_act
def _with_file(box, act: Act) -> None:
    imported = read_list(act.file, box.recommender.catalogue)
    name = act.text.rpartition(".")[0][:40] or "somebody"
    box.add_friend(name, imported.profile)


@_act
def _with(box, act: Act) -> None:
    box.add_friend(*_friend(box, act.text))


def _friend(box, text: str) -> tuple[str, Profile]:
    """Return somebody's list by the name or the address it is kept under."""
    store = box.session.store
    try:
        if store is None:
            raise UnknownProfile("no lists are kept here")
        if box.session.named:
            return text, store.named(text).read()
        token = token_of(text.partition("?")[2].partition("#")[0])
        return f"person {len(box.shelf.friends) + 2}", store.open(token).read()
    except UnknownProfile:
        what = "name" if box.session.named else "address"
        raise InputError(f"no list is kept under this {what}: check it") from None


@_act
def _without(box, act: Act) -> None:
    box.shelf.remove_friend(_place(act.text, len(box.shelf.friends)))
    box.show_shelf(box.shelf.name)


@_act
def _rewatch(box, act: Act) -> None:
    box.shelf.rewatch = act.value is True
    box.show_shelf(box.shelf.name)


# --- where the list is kept


@_act
def _import(box, act: Act) -> None:
    box.load(act.file)


@_act
def _take_in(box, act: Act) -> None:
    box.take_in(Rule(act.text) if act.text in [rule.value for rule in Rule] else None)


@_act
def _delete(box, act: Act) -> None:
    box.ask_delete(act.value if isinstance(act.value, str) else "")


@_act
def _choose(box, act: Act) -> None:
    box.choose(act.text or None)


@_act
def _keep_as(box, act: Act) -> None:
    box.keep_as(act.text)


@_act
def _follow(box, act: Act) -> None:
    box.follow()


@_act
def _teach(box, act: Act) -> None:
    box.session.teach(act.value is True)
    box.show_tools()


@_act
def _images(box, act: Act) -> None:
    box.show_images(act.value is True)


@_act
def _english(box, act: Act) -> None:
    box.prefer(english=act.value is True)


@_act
def _prefer(box, act: Act) -> None:
    said = act.value if isinstance(act.value, dict) else {}
    filters = said.get("filters")
    box.prefer(said.get("english") is True, filters if isinstance(filters, dict) else None)


def _place(text: str, count: int) -> int:
    """Return a place that a page names. Raises BadAct if there is none."""
    if not text.isdecimal() or len(text) > 6 or int(text) >= count:
        raise BadAct("no such place")
    return int(text)
