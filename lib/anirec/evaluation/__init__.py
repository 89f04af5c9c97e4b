"""How good models are: who is held out, what is hidden, the tables that compare.

In: fitted models, and lists given and hidden. Out: tidy frames with intervals. The metrics
themselves are in `anirec.metrics`; what tunes a model belongs to the model.
"""

from anirec.evaluation.calibration import reliability
from anirec.evaluation.few_titles import few_given, few_titles
from anirec.evaluation.over_time import entry_days, over_time, split_at_day
from anirec.evaluation.ranking import (
    Measured,
    ablation,
    accuracy,
    best_per_group,
    by_popularity,
    by_profile_length,
    chosen_settings,
    comparison_sentence,
    differences,
    evaluate,
    fit_timed,
    headline,
    measure,
    per_user,
    rank,
    summary,
    targets,
    top_ranked,
    was_liked,
)
from anirec.evaluation.ratings import bias_baseline, rating_errors, rating_split

__all__ = [
    "Measured", "ablation", "accuracy", "best_per_group", "bias_baseline", "by_popularity",
    "by_profile_length", "chosen_settings", "comparison_sentence", "differences", "entry_days",
    "evaluate", "few_given", "few_titles", "fit_timed", "headline", "measure", "over_time",
    "per_user", "rank", "rating_errors", "rating_split", "reliability", "split_at_day", "summary",
    "targets", "top_ranked", "was_liked",
]  # fmt: skip
