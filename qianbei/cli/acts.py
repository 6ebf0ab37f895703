"""Who does something that is kept, and why: the words of operators."""

import getpass

import click

from broker.admission.redriven import TEXT_LIMITS, fit_text
from qianbei.acts import Act
from qianbei.language import spoken


def user() -> str:
    """Who is logged in to this machine. Raises UsageError if it does not know."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise click.UsageError(
            spoken("this machine does not know who you are: say so with --operator")
        ) from None


def fit(name: str, text: str) -> str:
    """The text of the option ``operator`` or ``reason``. Raises UsageError if it cannot be kept."""
    limit = TEXT_LIMITS[name]
    if not fit_text(text, limit):
        raise click.UsageError(
            spoken("--{name}: 1 to {limit} visible characters, in one line", name=name, limit=limit)
        )
    return text


def act_of(operator: str, reason: str) -> Act:
    """What is kept of these two options. Raises as ``fit``."""
    return Act(fit("operator", operator), fit("reason", reason))
