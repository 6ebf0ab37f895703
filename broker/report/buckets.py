"""Durations in fixed logarithmic buckets: histograms of any days and counties can be added, and percentiles taken then.

Eight buckets to each doubling, so the middle of a bucket (geometric) is off by at most ``2 ** (1 / 16) - 1``, 4.4 %.
The middle is taken in the database (``report.percentile``).
"""

from datetime import timedelta
from math import floor, log2

PER_DOUBLING = 8
ERROR_BOUND = 2 ** (1 / (2 * PER_DOUBLING)) - 1
_MS = timedelta(milliseconds=1)


def bucket(duration: timedelta) -> int:
    """The bucket of a duration: 0 below a millisecond (clocks may run backwards), n up to ``2 ** (n / 8)`` ms."""
    milliseconds = duration / _MS
    return 0 if milliseconds < 1 else floor(PER_DOUBLING * log2(milliseconds)) + 1
