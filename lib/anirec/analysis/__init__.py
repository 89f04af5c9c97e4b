"""What the data says: explorations, segments and insights, their figures, and showing them.

In: the canonical tables and `Interactions`. Out: frames, figures and sentences for notebooks and
the report. Recommending, and a person's own list, do not belong here.
"""
