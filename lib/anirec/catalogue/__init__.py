"""What is known of anime without any model: names, franchises, side information, filters.

In: the canonical anime table. Out: a `Catalogue` to search and filter, and `item_features` for the
models. What depends on anybody's list does not belong here.
"""

from anirec.catalogue.catalogue import Catalogue
from anirec.catalogue.filters import Filters

__all__ = ["Catalogue", "Filters"]
