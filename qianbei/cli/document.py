"""A person's document, which is never given on the command line: others can see that."""

import sys

import click

from qianbei.documents import Document, document
from qianbei.language import spoken


def asked_document() -> Document:
    """One line: asked for on a terminal, where it is not shown, else read from the standard input. Raises ConfigError."""
    if sys.stdin.isatty():
        return document(click.prompt(spoken("kind and number of the document"), hide_input=True, err=True))
    return document(sys.stdin.readline())
