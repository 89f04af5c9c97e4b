"""Figures: what is drawn, in which order, and that nothing is cut off."""

from __future__ import annotations

from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from anirec.analysis import plots, style
from anirec.analysis.plots import charts

NAMES = ["Fullmetal Alchemist: Brotherhood and a very long tail of a title", "A", "B"]
BARS = pd.DataFrame({"name": NAMES, "value": [1.0, 12345.0, 7.5]})
SHARES = pd.DataFrame(
    {
        "group": np.repeat(["x", "y"], 3),
        "part": ["p", "q", "r"] * 2,
        "share": [0.5, 0.47, 0.03, 0.2, 0.3, 0.5],
    }
)
POINTS = pd.DataFrame(
    {
        "name": ["a", "b", "a", "b"],
        "panel": ["one_thing", "one_thing", "two", "two"],
        "value": [0.1, 0.2, 3.0, 4.0],
        "low": [0.05, np.nan, 2.0, 3.5],
        "high": [0.2, np.nan, 5.0, 4.5],
    }
)
SERIES = pd.DataFrame(
    {
        "year": [2000, 2001, 2002] * 4,
        "count": [1, 2, 3, 1, 2, 3.01, 1, 2, 3.02, 9, 9, 9],
        "kind": np.repeat(["TV", "Movie", "OVA", "ONA"], 3),
    }
)
CELLS = pd.DataFrame(
    {
        "row": np.repeat(["r1", "r2"], 3),
        "column": ["Slice of Life", "b", "c"] * 2,
        "lift": [1.0, 2.0, np.nan, 0.0, 0.5, 4.0],
    }
)
RANGES = pd.DataFrame(
    {"type": ["TV", "Movie"], "p10": [20.0, 60], "q1": [23, 80.0], "median": [24.0, 95],
     "q3": [24.0, 110], "p90": [25.0, 130]}
)  # fmt: skip
PLACES = pd.DataFrame(
    {"step": [1, 2, 3] * 2, "place": [1, 3, 40, 7, 2, 1], "title": np.repeat(["Up", "Down"], 3)}
)
RNG = np.random.default_rng(0)
CLOUD = pd.DataFrame({"members": RNG.lognormal(8, 2, 3000), "score": RNG.normal(7, 1, 3000)})
USERS = pd.DataFrame(
    {
        "segment": pd.Categorical(RNG.choice(list("abcdefghij"), 300), list("abcdefghij")),
        "x": RNG.normal(size=300),
        "y": RNG.normal(size=300),
    }
)
AGES = pd.DataFrame(
    {"band": ["13-17", "13-17", "18-22"], "gender": ["Male", "Female", "Male"], "users": [3, 4, 9]}
)


def value_form(value: float) -> str:
    return f"{value:.2f}"


FIGURES = {
    "ranked_bars": lambda: plots.ranked_bars(
        BARS, label="name", value="value", title="Title", value_label="things"
    ),
    "ranked_bars of one": lambda: plots.ranked_bars(
        BARS.head(1), label="name", value="value", title="T", value_label="things"
    ),
    "ranked_bars in panels": lambda: plots.ranked_bars(
        POINTS,
        label="name",
        value="value",
        title="Title",
        value_label="things",
        form=style.percent,
        panel="panel",
    ),
    "columns": lambda: plots.columns(
        BARS, x="value", y="value", title="Title", x_label="x", y_label="y"
    ),
    "lines": lambda: plots.lines(
        SERIES, x="year", y="count", title="Title", x_label="year", y_label="anime", series="kind"
    ),
    "lines of one": lambda: plots.lines(
        SERIES.head(3), x="year", y="count", title="Title", x_label="year", y_label="anime"
    ),
    "lines up to a value": lambda: plots.lines(
        SERIES.head(3),
        x="year",
        y="count",
        title="Title",
        x_label="year",
        y_label="anime",
        log_x=True,
        at=2001,
    ),
    "places": lambda: plots.places(
        PLACES,
        x="step",
        place="place",
        series="title",
        names=["first", "second", "third"],
        title="Title",
        x_label="after",
        y_label="place",
    ),
    "places of one": lambda: plots.places(
        PLACES.head(3), x="step", place="place", title="T", x_label="x", y_label="y", log_x=True
    ),
    "histograms": lambda: plots.histograms(
        CLOUD.melt(var_name="of"),
        value="value",
        panel="of",
        title="Title",
        value_label="value",
        log=True,
    ),
    "histograms of one value": lambda: plots.histograms(
        BARS.assign(of="x", value=3.0),
        value="value",
        panel="of",
        title="Title",
        value_label="value",
    ),
    "stacked_shares": lambda: plots.stacked_shares(
        SHARES, group="group", part="part", share="share", title="Title"
    ),
    "intervals": lambda: plots.intervals(
        POINTS,
        label="name",
        value="value",
        low="low",
        high="high",
        title="Title",
        value_label="value",
        panel="panel",
        form=value_form,
    ),
    "intervals in colours": lambda: plots.intervals(
        POINTS,
        label="panel",
        value="value",
        low="low",
        high="high",
        title="Title",
        value_label="value",
        series="name",
        reference=1.0,
    ),
    "heatmap": lambda: plots.heatmap(
        CELLS,
        row="row",
        column="column",
        value="lift",
        title="Title",
        form=value_form,
        centre=1.0,
        log=True,
    ),
    "heatmap of shares": lambda: plots.heatmap(
        CELLS, row="row", column="column", value="lift", title="Title", form=value_form
    ),
    "density": lambda: plots.density(
        CLOUD, x="members", y="score", title="Title", x_label="x", y_label="y", log_x=True
    ),
    "density of few": lambda: plots.density(
        CLOUD.head(5), x="members", y="score", title="Title", x_label="x", y_label="y"
    ),
    "ranges": lambda: plots.ranges(RANGES, label="type", title="Title", value_label="minutes"),
    "pyramid": lambda: plots.pyramid(
        AGES, band="band", side="gender", count="users", sides=("Male", "Female"), title="Title"
    ),
    "scatter_labelled": lambda: plots.scatter_labelled(
        POINTS,
        x="value",
        y="low",
        label="name",
        title="Title",
        x_label="x",
        y_label="y",
        log_x=True,
    ),
    "user_map": lambda: plots.user_map(
        USERS, title="Title", panels=[("x", "y", "left"), ("y", "x", "right")]
    ),
}


def texts(figure: Figure) -> list[Text]:
    """Return the texts that are drawn; labels of ticks beyond the axes are not."""
    figure.draw_without_rendering()
    beyond = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not low <= tick.get_loc() <= high:
                    beyond |= {tick.label1, tick.label2}
    drawn = set(figure.findobj(Text)) - beyond
    return [text for text in drawn if text.get_visible() and text.get_text().strip()]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_cut_off_and_everything_is_legible(name: str) -> None:
    figure = FIGURES[name]()
    width, height = figure.bbox.size
    for text in texts(figure):
        box = text.get_window_extent()
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
        assert inside, (text.get_text(), box)
        assert text.get_fontsize() >= 8


def written(figure: Figure) -> list[str]:
    return [text.get_text() for text in texts(figure)]


def test_bars_are_sorted_and_carry_their_values() -> None:
    figure = FIGURES["ranked_bars"]()
    bars = figure.axes[0].patches
    assert [bar.get_width() for bar in bars] == [12345, 7.5, 1]
    assert {"12,345", "7.5", "1"} <= set(written(figure))


def test_panels_are_named_in_words() -> None:
    assert "one thing" in written(FIGURES["intervals"]())


def test_lines_that_end_together_are_labelled_apart() -> None:
    figure = FIGURES["lines"]()
    labels = {t.get_text(): t.get_window_extent() for t in texts(figure)}
    boxes = sorted((labels[name] for name in ("TV", "Movie", "OVA")), key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 + 1 for low, high in pairwise(boxes))


def test_labels_keep_their_order_and_distance() -> None:
    placed = charts._apart([0.1, 0.11, 0.12, 0.9], 0.05)
    assert np.all(np.diff(placed) >= 0.05 - 1e-9)
    assert placed[3] == 0.9
    assert np.mean(placed[:3]) == pytest.approx(0.11)


def test_text_on_colours_has_contrast() -> None:
    for colour in (*style.OKABE_ITO, *style.TOL_MUTED):
        back = _luminance(colour)
        front = _luminance(style.text_colour_on(colour))
        assert (max(back, front) + 0.05) / (min(back, front) + 0.05) >= 4.5, colour


def _luminance(colour: str) -> float:
    channels = np.array(mpl.colors.to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("palette", [style.OKABE_ITO[:6], style.TOL_MUTED])
def test_colours_differ_for_colour_blind_people(palette: list[str]) -> None:
    # Viénot, Brettel and Mollon 1999: linear RGB as a dichromat sees it.
    protan = np.array([[0.1121, 0.8853, -0.0005], [0.1127, 0.8897, -0.0001], [0.0045, 0, 1.0019]])
    deutan = np.array([[0.2920, 0.7054, -0.0003], [0.2934, 0.7089, 0], [-0.0210, 0.0256, 1.0]])
    rgb = np.array([mpl.colors.to_rgb(colour) for colour in palette]) ** 2.2
    for seen in (protan, deutan):
        shades = np.clip(rgb @ seen.T, 0, 1) ** (1 / 2.2)
        apart = np.linalg.norm(shades[:, None] - shades[None], axis=2)
        assert apart[~np.eye(len(palette), dtype=bool)].min() > 0.08


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123, "12 %"), (0.0123, "1.2 %"), (0.0001, "< 0.1 %"), (0.0, "0 %"), (1.0, "100 %")],
)
def test_percent(value: float, text: str) -> None:
    assert style.percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(12345, "12,345"), (7.625, "7.62"), (2_345_678, "2.3 M"), (1234.5, "1,234"), (0.5, "0.5")],
)
def test_number(value: float, text: str) -> None:
    assert style.number(value) == text


def test_differences_carry_their_sign() -> None:
    assert [style.signed(v) for v in (0.0123, -0.1, 0.0001, 0.0)] == [
        "+0.012", "−0.100", "0.000", "0.000",
    ]  # fmt: skip
    assert style.points(-0.028) == "−2.8"


def test_dollar_signs_are_no_formula() -> None:
    odd = BARS.assign(name=["C$ and $x", "100 %", "a_b^c"])
    assert "C$ and $x" in written(
        plots.ranked_bars(odd, label="name", value="value", title="Title", value_label="things")
    )


def test_the_callers_style_is_left_alone() -> None:
    before = dict(mpl.rcParams)
    FIGURES["lines"]()
    assert dict(mpl.rcParams) == before
