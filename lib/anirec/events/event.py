"""One event: what a line of a file or pipe has to say, checked."""

from __future__ import annotations

import json
import time as clock
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa

from anirec.datasets.parsing import STATUSES
from anirec.datasets.schema import arrow_schema

OPS = ("set", "delete-entry", "delete-user", "anime")
EVENT_KEYS = ("user", "anime", "rating", "status", "time", "op", "facts")

AHEAD_S = 86_400
"""Seconds that an event may be dated ahead of this machine's clock."""

GREATEST_ID = 2**31 - 1
NOBODY, NOTHING = -1, 0
"""What stands for no user and no anime where an event has none."""

FACTS = {
    field.name: field.type
    for field in arrow_schema("anime")
    if field.name not in ("anime_id", "related")
}
"""What may be said of an anime, and its type in the canonical table."""


class BadEvent(Exception):
    """A line is no event; the message says why."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a list, an account or the catalogue.

    Attributes
    ----------
    op : ``set`` (an entry is on the list, as told), ``delete-entry``, ``delete-user``, or ``anime``
        (facts of the catalogue).
    time : when, in microseconds since 1970, UTC.
    user, anime : `NOBODY` and `NOTHING` where the event is of none.
    rating : 1 to 10; None where not scored.
    status : one of `STATUSES`, or None.
    facts : of ``anime``: what is known of it, as JSON.
    """

    op: str
    time: int
    user: int = NOBODY
    anime: int = NOTHING
    rating: int | None = None
    status: str | None = None
    facts: str | None = None

    @classmethod
    def of(cls, record: Mapping[str, object]) -> Event:
        """Check a record, whose values may be text; empty ones count as absent.

        Raises
        ------
        BadEvent
            If it is no event; the message says why.
        """
        values = {key: value for key, value in record.items() if value not in (None, "")}
        op = values.get("op", "set")
        if op not in OPS:
            raise BadEvent(f"unknown op {op!r}: it is one of {', '.join(OPS)}")
        time = _moment(values.get("time"))
        if op == "anime":
            facts = _facts(values)
            return cls(op, time, anime=_id(values, "anime", 1), facts=json.dumps(facts))
        if unknown := sorted(set(values) - set(EVENT_KEYS) | ({"facts"} & set(values))):
            raise BadEvent(f"unknown key {unknown[0]!r}: known are {', '.join(EVENT_KEYS[:-1])}")
        user = _id(values, "user", 0)
        if op == "delete-user":
            return cls(op, time, user)
        anime = _id(values, "anime", 1)
        if op == "delete-entry":
            return cls(op, time, user, anime)
        status = values.get("status")
        if status is not None and status not in STATUSES:
            raise BadEvent(f"unknown status {status!r}: it is one of {', '.join(STATUSES)}")
        return cls(op, time, user, anime, _rating(values.get("rating")), status)


def _id(values: Mapping[str, object], key: str, least: int) -> int:
    if key not in values:
        raise BadEvent(f"{key} is missing")
    number = _whole(values[key])
    if number is None or not least <= number <= GREATEST_ID:
        raise BadEvent(f"{key} {values[key]!r} is no whole number from {least} to {GREATEST_ID}")
    return number


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
        return int(value) if number.is_integer() and abs(number) < 2**53 else None
    except (ValueError, OverflowError):
        return None


def _rating(value: object) -> int | None:
    if value is None:
        return None
    rating = _whole(value)
    if rating is None or not 1 <= rating <= 10:
        raise BadEvent(f"rating {value!r} is no whole number from 1 to 10 (leave it out if none)")
    return rating


def _moment(value: object) -> int:
    """Return microseconds since 1970 from ISO 8601 (UTC unless it says otherwise) or seconds."""
    if value is None:
        raise BadEvent("time is missing")
    try:
        if isinstance(value, bool):
            raise ValueError
        moment = round(float(value) * 1e6)
    except (ValueError, TypeError, OverflowError):
        try:
            parsed = datetime.fromisoformat(str(value))
        except ValueError:
            raise BadEvent(f"time {value!r} is neither ISO 8601 nor seconds since 1970") from None
        parsed = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        moment = round(parsed.timestamp() * 1e6)
    if not 0 <= moment <= (clock.time() + AHEAD_S) * 1e6:
        raise BadEvent(f"time {value!r} is before 1970 or in the future")
    return moment


def _facts(values: Mapping[str, object]) -> dict[str, object]:
    """Return an anime's facts, told beside the other keys or as ``facts``, JSON or an object."""
    told = values.get("facts", {})
    if isinstance(told, str):
        try:
            told = json.loads(told)
        except ValueError:
            raise BadEvent("facts are no JSON") from None
    if not isinstance(told, Mapping):
        raise BadEvent("facts are no object of names and values")
    # An anime's own status would hide behind the key of list entries.
    beside = {k: v for k, v in values.items() if k not in ("user", "anime", "time", "op", "facts")}
    facts = beside | {str(name): value for name, value in told.items()}
    if unknown := sorted(set(facts) - set(FACTS)):
        raise BadEvent(f"unknown fact {unknown[0]!r}: known are {', '.join(FACTS)}")
    for name, value in facts.items():
        try:
            as_arrow(name, value)
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            raise BadEvent(f"{name} {value!r} is no {_plain(FACTS[name])}") from None
    return facts


def as_arrow(name: str, value: object) -> object:
    """Return a fact as the canonical table holds it. Raises ValueError or ArrowException."""
    kind = FACTS[name]
    if value is None:
        return None
    if pa.types.is_date(kind):
        return date.fromisoformat(str(value))
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_list(kind) and not isinstance(value, list | tuple):
        raise ValueError("no list")
    if pa.types.is_floating(kind):
        value = float(value)
    return pa.array([value], kind)[0].as_py()


def _plain(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_list(kind):
        return "list of texts"
    return {"string": "text", "bool": "true or false", "date32[day]": "date"}.get(
        str(kind), "number"
    )
