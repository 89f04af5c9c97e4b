"""Whose list somebody means: a file's, one that a site shows, one that the page keeps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from anirec.catalogue import Catalogue
from anirec.config import InputError
from anirec.lists.matching import found_again
from anirec.lists.online import SITES, read_users_list
from anirec.lists.reading import Imported, read_list
from anirec.profiles import Profile, ProfileStore

TOKEN_PART = "profile"
"""What holds the token in the query of the address that a list is kept under."""


@dataclass(frozen=True)
class CalledList:
    """A list that was asked for by what it is called.

    Attributes
    ----------
    name : what to call it; never the address, which opens it.
    profile : what it says.
    text : what to tell of how it was understood; empty for a list that is kept here.
    """

    name: str
    profile: Profile
    text: str = ""


def read_file(file: str, catalogue: Catalogue, scale: str | None = None) -> Imported:
    """Return what is understood of a list's file, or of ``site:user``, a list that a user shows.

    Raises
    ------
    InputError
        If it cannot be read; the message names the file.
    """
    site, colon, user = file.partition(":")
    if colon and site in SITES and not Path(file).exists():
        return read_users_list(site, user, catalogue, scale)
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}): name a list's file") from None
    try:
        return read_list(content, catalogue, scale)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def list_called(
    text: str, catalogue: Catalogue, store_file: Path, scale: str | None = None
) -> CalledList:
    """Return the list that somebody at this machine means by a text.

    Parameters
    ----------
    text : the private address of a list that the page keeps, a file, the name of a list that the
        page keeps, or ``site:user``; the first of these that there is.
    store_file : where the page keeps lists (`ProfileStore.file_of`); nothing is written there.
    scale : see `read_list`.

    Raises
    ------
    InputError
        If there is no such list, or it cannot be read.
    """
    kept = None
    if token := token_of(text.partition("?")[2].partition("#")[0]):
        if not store_file.is_file():
            raise InputError("this address opens no list: none is kept on this machine")
        kept, name = ProfileStore(store_file).open(token), "the list at that address"
    elif not Path(text).exists() and store_file.is_file():
        store, name = ProfileStore(store_file), " ".join(text.split())
        kept = store.named(name) if name in store.names() else None
    if kept is not None:
        return CalledList(name, found_again(kept.read(), catalogue))
    imported = read_file(text, catalogue, scale)
    return CalledList(Path(text).name, imported.profile, imported.text)


def token_of(query: str) -> str:
    """Return the token in the query of the address that a list is kept under; empty if none."""
    return parse_qs(query).get(TOKEN_PART, [""])[0]
