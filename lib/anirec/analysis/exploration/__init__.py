"""What the tables hold: questions of the catalogue, of the scores, and of what models are fed.

In: the canonical tables. Out: findings (`catalogue`, `scores`, `preparation`) and the frames they
are made from (`tables`). Who watches, and how lists turn out, are questions of `insights`.
"""

from anirec.analysis.exploration.catalogue import *  # noqa: F403
from anirec.analysis.exploration.preparation import *  # noqa: F403
from anirec.analysis.exploration.scores import *  # noqa: F403
from anirec.analysis.exploration.tables import *  # noqa: F403
