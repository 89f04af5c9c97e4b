"""Lists of other sites, read and written.

In: the bytes of a file, or what a site answers; the catalogue. Out: what is understood of each
entry, and a `Profile`; and lists for other sites. Where a list is kept does not belong here.
"""

from anirec.lists.content import MAX_TEXT, MAX_UPLOAD
from anirec.lists.matching import found_again
from anirec.lists.reading import Imported, Understood, read_list
from anirec.lists.typed import anime_named, entry_of
from anirec.lists.writing import frame_csv, to_csv, to_xml

__all__ = [
    "MAX_TEXT", "MAX_UPLOAD", "Imported", "Understood", "anime_named", "entry_of", "found_again",
    "frame_csv", "read_list", "to_csv", "to_xml",
]  # fmt: skip
