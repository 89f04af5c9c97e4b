"""A run: the notebooks as stages that are executed where stale, and the report made of them.

In: a dataset's raw files and parameters. Out: everything under ``outputs/<dataset>``. What a
notebook computes does not belong here.
"""
