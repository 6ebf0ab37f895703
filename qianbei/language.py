"""The language of the command line: Chinese where the environment asks for it, otherwise English.

``qianbei/locale/zh_CN/LC_MESSAGES/qianbei.po`` is the source of the Chinese texts, ``make messages`` says what it lacks.
"""

import atexit
import codecs
import gettext
import io
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import polib
from rich.table import Table

from qianbei.stack.artifacts import cache_dir
from schemas.said import said, shown

DOMAIN = "qianbei"
SOURCE = "locale/zh_CN/LC_MESSAGES/qianbei.po"


def spoken(template: str, /, **values: object) -> str:
    """A text, in the language of the command line."""
    return shown(said(template, **values))


def headed(*headings: str, **options: Any) -> Table:
    """A table with these headings, in the language of the command line; rich's options, with texts that are shown already."""
    return Table(*(gettext.gettext(heading) if heading else "" for heading in headings), **options)


def is_chinese() -> bool:
    """Whether the Chinese texts are in use."""
    return gettext.textdomain() == DOMAIN


def asks_for_chinese(environment: Mapping[str, str]) -> bool:
    """Whether the locale of messages is a Chinese one, by the order of POSIX."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    return next((environment[name] for name in names if environment.get(name)), "").startswith("zh")


def bind() -> None:
    """Make the standard gettext, of which click's own texts are taken too, speak the language of the environment.

    A terminal that cannot write Chinese gets English. What it cannot write of the data is escaped as in JSON.
    """
    if asks_for_chinese(os.environ) and all(map(_writes_chinese, (sys.stdout, sys.stderr))):
        folder = str(_compiled())
        if gettext.find(DOMAIN, folder):  # not where LANGUAGE prefers another
            gettext.bindtextdomain(DOMAIN, folder)
            gettext.textdomain(DOMAIN)
    codecs.register_error("json-escape", _json_escape)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="json-escape")


def _writes_chinese(stream: object) -> bool:
    try:
        "房屋网签备案".encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _json_escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def _compiled() -> Path:
    """The folder of the compiled texts, made once for each edition: to read the source takes longer than a command."""
    source = files("qianbei").joinpath(SOURCE).read_bytes()
    edition = f"texts-{sha256(source).hexdigest()[:16]}"
    try:
        return _made(cache_dir() / edition, source)
    except OSError:  # a user without a home of its own
        folder = tempfile.TemporaryDirectory()
        atexit.register(folder.cleanup)
        return _made(Path(folder.name), source)


def _made(folder: Path, source: bytes) -> Path:
    # "zh", so that it is found for zh_CN, zh_SG and all others.
    place = folder / "zh" / "LC_MESSAGES" / f"{DOMAIN}.mo"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as new:
            new.write(polib.pofile(source.decode()).to_binary())
        Path(new.name).replace(place)
    return folder
