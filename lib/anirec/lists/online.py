"""A person's public list by their user name, asked of AniList or MyAnimeList when they ask for it.

AniList's GraphQL API needs no key. MyAnimeList's API wants a client id, which whoever runs anirec
puts into the environment variable `CLIENT_ID`; it is sent to MyAnimeList alone and never logged or
stored, and neither is the user name.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from urllib.parse import quote

import requests

from anirec.catalogue import Catalogue
from anirec.config import InputError
from anirec.lists import anilist, mal
from anirec.lists.reading import Imported, understood
from anirec.profiles import MAX_ENTRIES

CLIENT_ID = "ANIREC_MAL_CLIENT_ID"
"""The environment variable that holds MyAnimeList's client id."""

ANILIST_API = "https://graphql.anilist.co"
MAL_API = "https://api.myanimelist.net/v2"
SITES = ("anilist", "myanimelist")

TIMEOUT_S = 20.0
TRIES = 4
"""How often a service is asked that is busy or away for a moment."""

LONGEST_WAIT_S = 60.0
"""A service that asks for more patience than that is called away."""

PAGE = 1000
"""Entries that MyAnimeList is asked for at once; it gives no more."""

QUERY = """
query ($name: String) {
  MediaListCollection(userName: $name, type: ANIME) {
    user { mediaListOptions { scoreFormat } }
    lists { entries {
      mediaId status score progress repeat notes
      startedAt { year month day } completedAt { year month day }
      media { idMal type format seasonYear synonyms title { romaji english native } }
    } }
  }
}
"""

FIELDS = "list_status{num_times_rewatched,comments,tags},alternative_titles,media_type,start_season"

_NAME = re.compile(r"[\w-]{2,30}")


def read_users_list(
    site: str,
    name: str,
    catalogue: Catalogue,
    scale: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Imported:
    """Return what is understood of the list that a user of a site shows to everybody.

    Parameters
    ----------
    site : one of `SITES`.
    name : the user's name there.
    scale : see `read_list`.
    sleep : waits so many seconds, between two tries and where the service asks for patience.

    Raises
    ------
    InputError
        If there is no such site or user, the list is private, the service is away or turns us
        down, or MyAnimeList's client id is missing.
    """
    if site not in SITES:
        raise InputError(f"unknown site {site!r}: choose one of {', '.join(SITES)}")
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise InputError("a user name has 2 to 30 letters, digits, _ or -: check it")
    value = _of_anilist(name, sleep) if site == "anilist" else _of_myanimelist(name, sleep)
    sheet = anilist.from_json(value) if site == "anilist" else mal.from_json(value)
    if sheet is None:
        raise InputError(f"the list of this user of {site} is empty")
    return understood(sheet, catalogue, scale)


def _of_anilist(name: str, sleep: Callable[[float], None]) -> object:
    body = {"query": QUERY, "variables": {"name": name}}
    return _asked(
        "AniList", sleep, lambda: requests.post(ANILIST_API, json=body, timeout=TIMEOUT_S)
    )


def _of_myanimelist(name: str, sleep: Callable[[float], None]) -> object:
    client_id = os.environ.get(CLIENT_ID, "")
    if not client_id:
        raise InputError(
            f"MyAnimeList wants a client id: set {CLIENT_ID}, got at myanimelist.net/apiconfig, "
            "or export your list there and import the file"
        )
    url = f"{MAL_API}/users/{quote(name)}/animelist"
    entries: list[object] = []
    while True:
        page = {"fields": FIELDS, "limit": PAGE, "offset": len(entries), "nsfw": "true"}
        answer = _asked(
            "MyAnimeList",
            sleep,
            lambda page=page: requests.get(
                url,
                params=page,
                headers={"X-MAL-CLIENT-ID": client_id},
                timeout=TIMEOUT_S,
                allow_redirects=False,
            ),
        )
        more = answer.get("data") if isinstance(answer, dict) else None
        entries += more if isinstance(more, list) else []
        following = answer.get("paging") if isinstance(answer, dict) else None
        if not more or not (isinstance(following, dict) and following.get("next")):
            return {"data": entries}
        if len(entries) > MAX_ENTRIES:
            raise InputError(f"the list has more than {MAX_ENTRIES:,} entries: no list has")


def _asked(
    service: str, sleep: Callable[[float], None], ask: Callable[[], requests.Response]
) -> object:
    """Return what a service answers; one that is busy or away is asked again after a while."""
    away = InputError(f"{service} cannot be reached: try again later, or import a file")
    for attempt in range(TRIES):
        wait = 2.0**attempt
        try:
            response = ask()
        except requests.RequestException:
            status = 0
        else:
            status = response.status_code
            if status == 429:
                wait = _patience(response, wait)
            if status < 500 and status != 429:
                return _answer(service, response)
        if attempt + 1 == TRIES or wait > LONGEST_WAIT_S:
            break
        sleep(wait)
    if status == 429:
        raise InputError(f"{service} has been asked too often: try again in some minutes")
    raise away


def _patience(response: requests.Response, otherwise: float) -> float:
    """Return the seconds that a service asks us to wait."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else otherwise


def _answer(service: str, response: requests.Response) -> object:
    status = response.status_code
    if status == 404:
        raise InputError(f"{service} knows no user of that name: check it")
    if status in (401, 403):
        said = "private" if status == 403 else "shown to nobody without the right key"
        raise InputError(f"the list is {said}: make it public on {service}, or import a file")
    if status != 200:
        raise InputError(f"{service} turns the question down ({status}): import a file instead")
    try:
        value = json.loads(response.content)
    except ValueError:
        raise InputError(f"{service} answers something unreadable: try again later") from None
    errors = value.get("errors") if isinstance(value, dict) else None
    if errors:
        told = " ".join(str(e.get("message", "")) for e in errors if isinstance(e, dict)).lower()
        private = "private" in told
        raise InputError(
            f"the list is private: make it public on {service}, or import a file"
            if private
            else f"{service} knows no user of that name: check it"
        )
    return value
