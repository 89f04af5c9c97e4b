"""The recommender that people use: a list in, recommendations with reasons out.

In: a `Catalogue`, fitted models, a `Profile`. Out: frames of anime in order, and why. What it looks
like, and how the models are fitted, do not belong here.
"""

from anirec.recommender.latest import LatestRecommender
from anirec.recommender.recommender import AnimeRecommender

__all__ = ["AnimeRecommender", "LatestRecommender"]
