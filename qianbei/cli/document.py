"""A person's document, which is never given on the command line: others can see that."""

import sys

import click

from qianbei.language import spoken


def asked_document() -> str:
    """One line: asked for on a terminal, where it is not shown, else read from the standard input."""
    if sys.stdin.isatty():
        return str(click.prompt(spoken("kind and number of the document"), hide_input=True, err=True))
    return sys.stdin.readline()
