"""What people do counts at once: events are kept durably, and the served models follow them.

In flow events (`event`, `reading`) into the store (`store`), the truth beside the raw files. Out
flow lists and catalogue as they are now (`community`) and versions of the models (`versions`).
How a model follows changed lists is the model's own business: `anirec.models.incremental`.
"""
