"""What is known of anime without any model: names, franchises, side information, filters.

In: the canonical anime table. Out: a `Catalogue` to search and filter, and `item_features` for the
models; `build` keeps what takes long to tell beside the table. What depends on anybody's list does
not belong here.
"""

from anirec.catalogue.catalogue import Catalogue
from anirec.catalogue.filters import Filters
from anirec.catalogue.indices import build, read_franchises

__all__ = ["Catalogue", "Filters", "build", "read_franchises"]
