"""Texts for people: English wherever they are made, Chinese only where they are printed.

A text is made by ``said("no topic {topic}", topic=name)``. It is a ``str``, in English, so that logs, JSON and stored
records have one language. It also remembers its template and its values, so that ``shown`` can put it into the language
that the program bound with gettext; without a binding or a translation it stays English.
"""

from collections.abc import Iterable
from gettext import gettext


class Said(str):
    """An English text that can be shown in another language."""

    __slots__ = ("template", "values")
    template: str
    values: dict[str, object]

    def __str__(self) -> "Said":
        """Itself, so that ``str(error)`` still knows the text that the error was made with."""
        return self


def said(template: str, /, **values: object) -> Said:
    """A text of a template of ``str.format``. The template is a literal, so that a tool finds it for translation."""
    made = Said(template.format(**values) if values else template)
    made.template, made.values = template, values
    return made


def joined(separator: str, texts: Iterable[object]) -> Said:
    """Texts one after another, as ``separator.join`` of strings."""
    values = {f"_{number}": text for number, text in enumerate(texts)}
    return said(separator.join(f"{{{name}}}" for name in values), **values)


def shown(text: object) -> str:
    """A text, what has one as its ``str`` (an error, a problem), or any other value, in the language of the program."""
    text = str(text)
    if not isinstance(text, Said):
        return text
    template = (
        gettext(text.template) if text.template else ""
    )  # to gettext, nothing is the head of the catalogue
    return (
        template.format(**{name: _in(value) for name, value in text.values.items()})
        if text.values
        else template
    )


def _in(value: object) -> object:
    # Numbers and times keep their type: a template may say how they are written.
    text = str(value)
    return shown(text) if isinstance(text, Said) else value
