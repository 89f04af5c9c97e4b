"""Intervals and effects: what SciPy and statsmodels compute, in the shapes that findings need."""

from __future__ import annotations

import numpy as np
import pandas as pd

from anirec.analysis.finding import Effect

Z95 = 1.959964


def mean_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Return the mean and its normal 95 % interval; the interval is null for one value."""
    values = np.asarray(values, dtype=float)
    if not len(values):
        return np.nan, np.nan, np.nan
    mean = float(values.mean())
    if len(values) < 2:
        return mean, np.nan, np.nan
    half = Z95 * float(values.std(ddof=1)) / np.sqrt(len(values))
    return mean, mean - half, mean + half


def share_interval(count: np.ndarray, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return Wilson's 95 % interval of ``count`` out of ``total`` (Wilson 1927), elementwise."""
    from statsmodels.stats.proportion import proportion_confint

    count, total = np.asarray(count, dtype=float), np.asarray(total, dtype=float)
    return proportion_confint(count, np.maximum(total, 1e-9), method="wilson")


def ratio_interval(part: np.ndarray, whole: np.ndarray) -> tuple[float, float, float]:
    """Return ``sum(part) / sum(whole)`` over independent people and its 95 % interval.

    The variance is that of the ratio linearised (Cochran, Sampling Techniques, 1977): people weigh
    by what they have, and what one person has hangs together.
    """
    part, whole = part.astype(float), whole.astype(float)
    total = whole.sum()
    share = float(part.sum() / total)
    n = int((whole > 0).sum())
    spread = ((part - share * whole) ** 2).sum() * n / max(n - 1, 1)
    half = Z95 * float(np.sqrt(spread)) / total
    return share, max(share - half, 0.0), min(share + half, 1.0)


def linear_effects(design: np.ndarray, outcome: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients (p,) of a least-squares fit and their HC1 standard errors (p,).

    HC1 is robust to unequal spread (MacKinnon and White 1985).

    Parameters
    ----------
    design : (n, p), without a constant, which is added.
    outcome : (n,).
    """
    from statsmodels.regression.linear_model import OLS

    x = np.column_stack([np.ones(len(design)), design])
    fitted = OLS(outcome, x).fit(cov_type="HC1")
    return fitted.params[1:], fitted.bse[1:]


def correlation(x: np.ndarray, y: np.ndarray) -> Effect:
    """Return Spearman's rank correlation with its 95 % interval by Fisher's transformation.

    The standard error is that of Bonett and Wright (2000).
    """
    from scipy.stats import spearmanr

    rho = float(spearmanr(x, y).statistic)
    error = np.sqrt((1 + rho**2 / 2) / max(len(x) - 3, 1))
    middle = np.arctanh(np.clip(rho, -0.999999, 0.999999))
    low, high = np.tanh([middle - Z95 * error, middle + Z95 * error])
    return Effect(rho, "rank correlation", len(x), float(low), float(high), null=0.0)


def mean_effect(values: np.ndarray, unit: str, null: float | None = 0.0) -> Effect:
    """Return the mean of independent values with its 95 % interval, tested against ``null``."""
    mean, low, high = mean_interval(values)
    return Effect(mean, unit, len(values), low, high, null=null)


def widest_gap(
    table: pd.DataFrame, by: str, unit: str, n: str = "users"
) -> tuple[Effect, str, str]:
    """Return the difference between the highest and the lowest group, and these groups' names.

    The pair is picked among all, so interval and p-value are Bonferroni's over all pairs.

    Parameters
    ----------
    table : at least two groups with ``mean``, ``low``, ``high`` (95 %) and the count ``n``.
    """
    from scipy.stats import norm

    top, bottom = table.loc[table["mean"].idxmax()], table.loc[table["mean"].idxmin()]
    errors = [(row["high"] - row["low"]) / (2 * Z95) for row in (top, bottom)]
    error = float(np.hypot(*errors))
    pairs = len(table) * (len(table) - 1) / 2
    gap = float(top["mean"] - bottom["mean"])
    half = float(norm.isf(0.025 / pairs)) * error
    p = min(1.0, pairs * float(2 * norm.sf(gap / error))) if error > 0 else None
    total = int(table[n].sum())
    effect = Effect(gap, unit, total, gap - half, gap + half, null=0.0, p_value=p)
    return effect, str(top[by]), str(bottom[by])


def shrunken(mean: pd.Series, count: pd.Series, prior: float | None = None) -> pd.Series:
    """Return means pulled to the overall mean as if ``prior`` more values had been average.

    ``(count * mean + prior * overall) / (count + prior)``; by default the prior is the median
    count, so that a typical group moves half-way.
    """
    prior = float(count.median()) if prior is None else prior
    overall = float((mean * count).sum() / max(count.sum(), 1))
    return (count * mean + prior * overall) / (count + prior)
