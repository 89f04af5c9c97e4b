"""What a person sees: the box of ipywidgets, the page around it, the server of the page.

In: an `AnimeRecommender` and where lists are kept. Out: widgets and HTML. What is recommended, and
what a list means, is decided elsewhere.
"""
