"""The help pages: every command's exit codes, and all texts in the language of the command line.

Commands are written in plain English literals. What is shown is a copy, made when a command is looked up, so no command
has to think of it. click counts characters, of which a Chinese one is two columns wide and breaks at any place, so
Chinese pages are laid out here.
"""

import copy
import inspect
import re
from collections.abc import Iterable, Iterator
from gettext import gettext

import click
from rich.cells import cell_len

from qianbei.language import is_chinese, spoken
from schemas.said import said
from schemas.said import shown as shown_text

EXIT_CODES = said(
    "Exit codes: 0 done, 1 something was found wrong, 2 wrong use or setting, 3 a server is away or refuses us, "
    "130 interrupted."
)
EXAMPLE = re.compile(r"(?:\A|(?<=\s))Example: ")
"""What follows it in a paragraph is for a shell and is not translated."""
VERBATIM = "\b"
"""click's mark of a paragraph whose lines are kept."""
_UNITS = re.compile(
    r"\s+|[（《“‘]*(?:[\u2e80-\u9fff\uff10-\uff5a]|[^\s\u2e80-\u9fff\u3000-\u303f\uff00-\uffef（《“‘’”]+)[，。；：、）》”’！？…]*|\S"
)
"""Between two of these a line may break: never before a closing mark, never after an opening one."""


def presented(command: click.Command) -> click.Command:
    """The command as it is shown: with exit codes, in the language of the command line."""
    shown = copy.copy(command)
    if isinstance(command, click.Group):
        shown.commands = {name: presented(one) for name, one in command.commands.items()}  # type: ignore[attr-defined]
    shown.epilog = shown_text(EXIT_CODES)
    if is_chinese():
        shown.context_class = ChineseContext
        shown.help = "\n\n".join(map(_paragraph_shown, paragraphs(command.help)))
        shown.short_help = first_sentence(shown.help)
        shown.params = [_parameter(one) for one in command.params]
    return shown


def texts(command: click.Command) -> Iterator[str]:
    """All that is to be translated of one command, without its subcommands."""
    for paragraph in paragraphs(command.help):
        if prose := _split(paragraph)[0]:
            yield prose
    for parameter in command.params:
        yield from filter(None, (getattr(parameter, name, None) for name in _OF_A_PARAMETER))


def paragraphs(page: str | None) -> list[str]:
    """The paragraphs of a help text, each on one line unless it is kept as it is."""
    found = re.split(r"\n\s*\n", inspect.cleandoc(page or "").partition("\f")[0])
    return [one if one.startswith(VERBATIM) else " ".join(one.split()) for one in found if one]


def first_sentence(page: str) -> str:
    """What a list of commands says of one."""
    return re.split(r"[。\n]", page, maxsplit=1)[0]


_OF_A_PARAMETER = ("help", "prompt")


def _parameter(parameter: click.Parameter) -> click.Parameter:
    shown = copy.copy(parameter)
    for name in _OF_A_PARAMETER:
        if isinstance(value := getattr(parameter, name, None), str):
            setattr(shown, name, gettext(value) if value else value)
    return shown


def _split(paragraph: str) -> tuple[str, str]:
    """The prose of a paragraph, and the example that ends it."""
    found = EXAMPLE.search(paragraph)
    if found is None:
        return ("", paragraph) if paragraph.startswith(VERBATIM) else (paragraph, "")
    return paragraph[: found.start()].strip(f"{VERBATIM}\n "), paragraph[found.end() :]


def _paragraph_shown(paragraph: str) -> str:
    prose, example = _split(paragraph)
    label = spoken("Example: ")
    lines = [label + example.splitlines()[0], *_aligned(example.splitlines()[1:], label)] if example else []
    shown = [gettext(prose)] if prose else []
    return "\n\n".join(shown + (["\n".join([VERBATIM, *lines])] if lines else []))


def _aligned(lines: Iterable[str], label: str) -> list[str]:
    return [" " * cell_len(label) + line.strip() for line in lines]


class ChinesePage(click.HelpFormatter):
    """A help page that counts columns."""

    def write_heading(self, heading: str) -> None:
        """With a full-width colon."""
        self.write(f"{'':>{self.current_indent}}{heading}：\n")

    def write_text(self, text: str) -> None:
        """Paragraphs, wrapped."""
        indent = " " * self.current_indent
        lines = (indent + line for line in wrapped(text, self.width - self.current_indent))
        self.write("\n".join(line.rstrip() for line in lines) + "\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Terms, and beside or below each what it means."""
        rows = list(rows)
        first = min(max(cell_len(term) for term, _ in rows), col_max) + col_spacing
        margin = " " * (self.current_indent + first)
        for term, meaning in rows:
            lines = wrapped(meaning, max(self.width - len(margin), 10))
            head = " " * self.current_indent + term
            if cell_len(term) > first - col_spacing:
                self.write(head + "\n")
                head = ""
            for line in lines or [""]:
                padding = " " * (len(margin) - cell_len(head))
                self.write((head + padding + line).rstrip() + "\n")
                head = ""


class ChineseContext(click.Context):
    """Where pages are laid out as ``ChinesePage``."""

    formatter_class = ChinesePage


def wrapped(page: str, width: int) -> list[str]:
    """The lines of a text, a blank one between paragraphs."""
    lines: list[str] = []
    for paragraph in paragraphs(page):
        lines += [""] if lines else []
        if paragraph.startswith(VERBATIM):
            lines += paragraph.removeprefix(VERBATIM).strip("\n").splitlines()
        else:
            lines += _wrapped_line(paragraph, width)
    return lines


def _wrapped_line(line: str, width: int) -> Iterator[str]:
    current = ""
    for unit in _UNITS.findall(line):
        if cell_len(current) + cell_len(unit.rstrip()) > width and current.strip():
            yield current.rstrip()
            current = unit.lstrip()
        else:
            current += unit
    if current.strip():
        yield current.rstrip()
