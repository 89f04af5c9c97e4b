"""A person's list: what it says, where it is kept, and what is done to it.

In: what a person does or a file said. Out: a `Profile`, an immutable mapping of anime ids to
`Entry`. Reading files, and recommending, do not belong here.
"""

from anirec.profiles.profile import (
    LIST_STATUSES,
    MAX_ENTRIES,
    UNKNOWN_STATUS,
    WONT_WATCH,
    Entry,
    Profile,
    Unresolved,
)
from anirec.profiles.session import ListSession, Place
from anirec.profiles.store import ProfileStore, StoredProfile, UnknownProfile

__all__ = [
    "LIST_STATUSES", "MAX_ENTRIES", "UNKNOWN_STATUS", "WONT_WATCH", "Entry", "ListSession",
    "Place", "Profile", "ProfileStore", "StoredProfile", "UnknownProfile", "Unresolved",
]  # fmt: skip
