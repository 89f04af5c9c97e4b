"""The filters of a box: what is set, what there is to choose, and what a control says."""

from __future__ import annotations

from dataclasses import replace

from anirec.catalogue import Catalogue
from anirec.catalogue import filters as table
from anirec.catalogue.filters import CONTROLS, DEFAULTS, Filters
from anirec.config import InputError


class FilterPanel:
    """The filters as controls: one for each that makes a difference in the catalogue.

    A control names a value by its place among those offered, so that a page can say nothing else.

    Attributes
    ----------
    filters : `Filters`, what is set.
    """

    def __init__(self, catalogue: Catalogue, filters: Filters | None = None) -> None:
        self.filters = filters or Filters()
        self._catalogue = catalogue
        self.offers = {
            name: offers
            for name, control in CONTROLS.items()
            if (offers := control.choices(catalogue))
        }

    def in_use(self) -> int:
        """Return how many filters are not at their default."""
        return len(self.filters.saved())

    def reset(self) -> None:
        self.filters = Filters()

    def choose(self, name: str, value: object) -> None:
        """Set a filter from what its control says.

        Parameters
        ----------
        name : the filter; of a range followed by ``0`` for its beginning or ``1`` for its end.
        value : of a choice or range the place of the value, from 1, or 0 for any; of a slider the
            number; of a switch whether it is on.

        Raises
        ------
        InputError
            If there is no such filter or value, or the filters contradict each other.
        """
        name, _, end = name.partition(" ")
        offers, kind = self._offered(name)
        if kind == table.CHOICE:
            at = _place(value, len(offers) + 1)
            self._set(name, offers[at - 1][1] if at else DEFAULTS[name])
        elif kind == table.RANGE:
            at = _place(value, len(offers) + 1)
            ends = list(getattr(self.filters, name))
            ends[_place(end, 2)] = offers[at - 1][1] if at else None
            self._set(name, tuple(ends))
        elif kind == table.SLIDER:
            number = value if isinstance(value, int | float) else 0.0
            least, greatest = self._ends(name)
            self._set(name, float(min(max(number, least), greatest)))
        elif kind == table.SWITCH:
            self._set(name, value is True)
        else:
            raise InputError(f"{name} is no such filter")

    def toggle(self, name: str, place: str) -> None:
        """Switch one of several values of a filter on or off. Raises InputError as `choose`."""
        offers, _ = self._offered(name)
        value = offers[_place(place, len(offers))][1]
        chosen = tuple(getattr(self.filters, name))
        rest = tuple(one for one in chosen if one != value)
        self._set(name, rest if value in chosen else (*chosen, value))

    def tag(self, name: str, text: str) -> None:
        """Add a value of several by its name, in capital letters or small.

        Raises
        ------
        InputError
            If no value is called that; the message tells like ones.
        """
        self._offered(name)
        added = replace(self.filters, **{name: (*getattr(self.filters, name), text)})
        names = getattr(added.spelled(self._catalogue), name)
        self._set(name, tuple(dict.fromkeys(names)))

    def untag(self, name: str, text: str) -> None:
        """Take a value of several away."""
        self._offered(name)
        self._set(name, tuple(one for one in getattr(self.filters, name) if one != text))

    def shown(self) -> list[dict[str, object]]:
        """Return what the template shows of each filter."""
        return [self._shown(name) for name in self.offers]

    def _shown(self, name: str) -> dict[str, object]:
        control, offers, value = CONTROLS[name], self.offers[name], getattr(self.filters, name)
        told: dict[str, object] = {"name": name, "label": control.label, "kind": control.kind}
        if control.kind == table.CHIPS:
            told["options"] = [(said, at, one in value) for at, (said, one) in enumerate(offers)]
        elif control.kind == table.TAGS:
            told["chosen"] = list(value)
            told["all"] = sorted(said for said, one in offers if one not in value)
        elif control.kind == table.CHOICE:
            told["options"] = _options(offers, control.usual, value)
        elif control.kind == table.RANGE:
            told["ends"] = [
                (end, said, _options(offers, said, value[end]))
                for end, said in enumerate(("from", "to"))
            ]
        elif control.kind == table.SLIDER:
            least, greatest = self._ends(name)
            told |= {"least": least, "greatest": greatest, "value": value}
        else:
            told["value"] = value
        return told

    def _ends(self, name: str) -> tuple[float, float]:
        return tuple(float(value) for _, value in self.offers[name])

    def _offered(self, name: str) -> tuple[list, str]:
        if name not in self.offers:
            raise InputError("there is no such filter here")
        return self.offers[name], CONTROLS[name].kind

    def _set(self, name: str, value: object) -> None:
        self.filters = replace(self.filters, **{name: value})


def _options(offers: list, usual: str, value: object) -> list[tuple[str, int, bool]]:
    """Return the text and place of each value, the default at 0, and whether it is chosen."""
    chosen = [at for at, (_, one) in enumerate(offers, start=1) if _equal(one, value)]
    return [
        (usual, 0, not chosen),
        *((said, at, at in chosen[:1]) for at, (said, _) in enumerate(offers, start=1)),
    ]


def _equal(one: object, value: object) -> bool:
    if isinstance(one, tuple) and value is not None:
        return one == tuple(value)
    return one == value


def _place(value: object, count: int) -> int:
    """Return a place from what a page says. Raises InputError if it is none."""
    try:
        place = int(value)
    except (TypeError, ValueError):
        place = -1
    if not 0 <= place < count:
        raise InputError("there is no such choice")
    return place
