"""Every figure of the house: a function takes a tidy frame and returns a matplotlib Figure.

In: frames that `exploration`, `clustering` and `insights` make. Out: figures in the one style of
`anirec.analysis.style`. Numbers are not computed here.
"""

from anirec.analysis.plots.cards import segment_card
from anirec.analysis.plots.charts import (
    columns,
    heatmap,
    intervals,
    lines,
    places,
    ranked_bars,
    scatter_labelled,
    stacked_shares,
)
from anirec.analysis.plots.distributions import density, histograms, pyramid, ranges
from anirec.analysis.plots.maps import user_map, world_map

__all__ = [
    "columns",
    "density",
    "heatmap",
    "histograms",
    "intervals",
    "lines",
    "places",
    "pyramid",
    "ranges",
    "ranked_bars",
    "scatter_labelled",
    "segment_card",
    "stacked_shares",
    "user_map",
    "world_map",
]
