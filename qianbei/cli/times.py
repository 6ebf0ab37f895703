"""Times on a command line."""

from datetime import UTC, datetime

import click


class Moment(click.ParamType[datetime]):
    """A time in ISO 8601; without an offset it is in UTC, as ``list`` shows it."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Fails for what is no time."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time: write 2021-03-01 or 2021-03-01T09:00:00+08:00", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
