"""The ``anirec`` command.

In: words of a command line. Out: text, JSON, an exit status. What the commands do is done by the
other packages; here are their options, and what is printed.
"""

from anirec.cli import commands, diagnosing, fitting, recommending
from anirec.cli.entry import main
from anirec.cli.options import app

__all__ = ["app", "commands", "diagnosing", "fitting", "main", "recommending"]
