"""Days in China, and periods of months and years."""

from calendar import monthrange
from datetime import date, datetime
from zoneinfo import ZoneInfo

CHINA = ZoneInfo("Asia/Shanghai")


def day_in_china(moment: datetime) -> date:
    """The date in China of a moment."""
    return moment.astimezone(CHINA).date()


def months_after(day: date, months: int) -> date:
    """The corresponding day, or the last of a month that has none. No day after the last there is."""
    year, month = divmod(12 * day.year + day.month - 1 + months, 12)
    if year > date.max.year:
        return date.max
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def years_after(day: date, years: int) -> date:
    """The corresponding day so many years later; 28 February for 29 February."""
    return months_after(day, 12 * years)
