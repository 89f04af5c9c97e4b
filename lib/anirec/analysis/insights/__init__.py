"""Durations, audience and engagement.

In: the canonical tables. Out: findings (`durations`, `people`, `engagement`, `claims`) and the
frames they are made from (`measures`). Segments of taste are `clustering`'s.
"""

from anirec.analysis.insights.claims import *  # noqa: F403
from anirec.analysis.insights.durations import *  # noqa: F403
from anirec.analysis.insights.engagement import *  # noqa: F403
from anirec.analysis.insights.measures import *  # noqa: F403
from anirec.analysis.insights.people import *  # noqa: F403
from anirec.analysis.statistics import linear_effects, mean_interval, share_interval  # noqa: F401
