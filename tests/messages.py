"""The texts of the command line and their Chinese: ``make messages`` brings the file of translations up to date.

It adds what is new with an empty ``msgstr``, drops what is gone, and lists what is still to be translated. Texts are found
where they are made: in calls of ``said``, ``text`` and ``table``, in the help pages of all commands, and in click itself.
"""

import ast
import re
import string
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import click
import polib

from qianbei.cli.commands import COMMANDS, command_at
from qianbei.cli.help import texts
from qianbei.cli.main import cli
from qianbei.language import SOURCE

ROOT = Path(__file__).parents[1]
CATALOGUE = ROOT / "qianbei" / SOURCE
PACKAGES = ("schemas", "broker", "producers", "consumers", "qianbei")
MARKS = {"said": 1, "spoken": 1, "headed": None}
"""The functions that take texts, and how many of their positional arguments are texts (None: all)."""
THE_MARKS_THEMSELVES = {"schemas/said.py", "qianbei/language.py"}
OF_CLICK = ("core", "decorators", "exceptions", "formatting", "parser", "termui", "types")

Found = tuple[str, str, str | None]
"""A text, the place where it is, and its plural if it has one."""


def everything() -> list[Found]:
    """All texts."""
    return [*in_the_code(), *in_the_help(), *in_click()]


def places() -> dict[str, str]:
    """A place of each text."""
    return {text: place for text, place, _ in everything()}


def modules() -> Iterator[tuple[str, ast.Module]]:
    """All modules of ours: path from the root, and syntax tree."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call in a tree, and the last part of the name that is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield node.func.id if isinstance(node.func, ast.Name) else node.func.attr, node


def in_the_code() -> Iterator[Found]:
    """The marked texts of our modules."""
    for path, module in modules():
        for name, call in calls(module) if path not in THE_MARKS_THEMSELVES else ():
            for argument in call.args[: MARKS[name]] if name in MARKS else ():
                if text := _literal(argument, f"{path}:{argument.lineno}"):
                    yield text, path, None


def in_the_help() -> Iterator[Found]:
    """The help pages."""
    for path, command in commands():
        for text in texts(command):
            yield text, path, None


def commands() -> Iterator[tuple[str, click.Command]]:
    """All commands and subcommands, and the modules that they are in."""
    yield "qianbei/cli/main.py", cli
    waiting = [(place.split(":")[0], command_at(place)) for place in COMMANDS.values()]
    while waiting:
        module, command = waiting.pop(0)
        yield f"qianbei/cli/{module}.py", command
        waiting += [(module, one) for one in getattr(command, "commands", {}).values()]


def in_click() -> Iterator[Found]:
    """click's own texts."""
    for module in OF_CLICK:
        path = find_spec(f"click.{module}").origin
        for name, call in calls(ast.parse(Path(path).read_text(encoding="utf-8"))):
            words = [one.value for one in call.args if isinstance(one, ast.Constant)]
            if name in {"_", "ngettext"} and words:
                yield words[0], f"click/{module}.py", words[1] if name == "ngettext" else None


def _literal(node: ast.expr, place: str) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise SystemExit(
        f"{place}: a text to be translated must be one plain literal; values go by name: said('no {{what}}', what=…)"
    )


def placeholders(text: str) -> set[str]:
    """The names of the values that a text takes, without how they are written."""
    old = set(re.findall(r"%\((\w+)\)s", text))
    try:
        return old | {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:  # braces that are no placeholder, in a help page
        return old


def translations() -> dict[str, polib.POEntry]:
    """What is translated, by its English."""
    return {entry.msgid: entry for entry in polib.pofile(str(CATALOGUE))}


def faults(known: Mapping[str, polib.POEntry], wanted: Mapping[str, str]) -> list[str]:
    """What is wrong with the translations of the texts: missing, of other values, of nothing."""
    wrong = [
        f"{place}: no Chinese for {text!r}" for text, place in wanted.items() if not _chinese(known.get(text))
    ]
    wrong += [f"of nothing in the code: {text!r}" for text in known if text not in wanted]
    for text, entry in known.items():
        for chinese in _chinese(entry):
            if not _same(placeholders(chinese), placeholders(text), placeholders(entry.msgid_plural)):
                wrong.append(f"the Chinese of {text!r} takes other values: {chinese!r}")
    return wrong


def _same(chinese: set[str], one: set[str], many: set[str]) -> bool:
    # click passes the values of both forms, and Chinese has but one.
    return chinese in (one, many) if many else chinese == one


def _chinese(entry: polib.POEntry | None) -> list[str]:
    if entry is None or "fuzzy" in entry.flags:
        return []
    return [text for text in (entry.msgstr, *entry.msgstr_plural.values()) if text]


def update() -> None:
    """Write the file anew: by place, then by text, so that two changes seldom touch the same lines."""
    old, file = polib.pofile(str(CATALOGUE)), polib.POFile(wrapwidth=0)
    known = {entry.msgid: entry for entry in old}
    file.header, file.metadata = old.header, old.metadata
    new: dict[str, polib.POEntry] = {}
    for text, place, plural in everything():
        entry = new.setdefault(text, polib.POEntry(msgid=text))
        before = known.get(text)
        if plural:
            entry.msgid_plural = plural
            entry.msgstr_plural = before.msgstr_plural if before else {0: ""}
        elif before:
            entry.msgstr = before.msgstr
        if (place, "") not in entry.occurrences:
            entry.occurrences.append((place, ""))
    file.extend(sorted(new.values(), key=lambda one: (one.occurrences[0], one.msgid)))
    file.save(str(CATALOGUE))


PRINTING = ("qianbei/cli/", "qianbei/demo/")
"""Where texts are printed at once."""
SPEAKING = {"echo", "secho", "print", "rule", "confirm", "prompt", "Text", "add_task", "status", "append"}
"""Calls whose first argument is shown to people."""
OF_SERVERS = ("broker/api/", "broker/admission/", "producers/simulator/")
"""Where a text goes into a record or an answer, which have one language."""
HEADED = {"Table", "add_column"}
"""Calls all of whose arguments are."""
MADE_BELOW = {"say", "_say", "BadCell", "Problem", "_invalid", "Defect", "_problem"}
"""Calls anywhere that make or pass on a text for people."""
NAMES_OF_TEXTS = re.compile(
    r"_?(detail|how|told|mend|reason|wrong|DEPLOY|REMEDY|COPY_AGAIN|_?HOW(_[A-Z]+)?|_?FETCH)"
)
"""Variables that hold a text for people until it is passed on."""
OF_THE_DOCTOR = {"ok", "warn", "fail", "judge_clock"}
OF_CLICK_ITSELF = {"UsageError", "BadParameter", "ClickException"}
"""Errors that click prints as they are."""
OVER_HTTP = {"ProblemError"}
"""Errors that become answers of the front door, never messages of a command."""
_PROSE = re.compile(r"[A-Za-z]{2,}[:;,.]?\s|\s[A-Za-z]{2,}")
_WORD = re.compile(r"[A-Za-z]{2,}")


def unmarked(trees: Mapping[str, ast.Module]) -> list[str]:
    """Texts that people see and that could not be translated, with the way to mend each."""
    makers = (_error_classes(trees.values()) | MADE_BELOW) - OVER_HTTP
    return [
        _mending(path, text, path.startswith(PRINTING) and name not in makers - OF_CLICK_ITSELF)
        for path, tree in trees.items()
        for name, call in [*calls(tree), *_assignments(path, tree)]
        for text in _plain_texts(path, name, call, makers)
    ]


def _assignments(path: str, tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Assignments to ``NAMES_OF_TEXTS``, as if they were calls."""
    for node in ast.walk(tree) if not path.startswith(OF_SERVERS) else ():
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Name) and NAMES_OF_TEXTS.fullmatch(target.id):
            yield "=", ast.Call(target, [node.value], [])


def _plain_texts(path: str, name: str, call: ast.Call, makers: set[str]) -> Iterator[ast.expr]:
    if path.startswith("broker/api/") and name == "Problem":
        return  # an answer over HTTP
    if path.startswith("qianbei/verify/") and name == "add":
        yield from _literals(call.args[2:], _PROSE)
    if path.startswith("qianbei/doctor/") and name in OF_THE_DOCTOR:
        yield from _literals(call.args, _WORD)
    elif name in makers or name == "=":
        yield from _literals(call.args, _PROSE)
    elif path.startswith(PRINTING) and name in HEADED:
        titles = (word.value for word in call.keywords if word.arg in {"title", "caption"})
        yield from _literals([*call.args, *titles], _WORD)
    elif path.startswith(PRINTING) and name in SPEAKING:
        yield from _literals(call.args[:1], _PROSE)


def _error_classes(trees: Iterable[ast.Module]) -> set[str]:
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    known = {"Exception", "ValueError", "LookupError", *OF_CLICK_ITSELF}
    while new := {name for name, of in bases.items() if of & known} - known:
        known |= new
    return known - {"Exception", "ValueError", "LookupError"}


def _literals(nodes: Iterable[ast.AST], pattern: re.Pattern[str]) -> Iterator[ast.expr]:
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            if any(isinstance(part, ast.Constant) and pattern.search(part.value) for part in node.values):
                yield node
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str) and pattern.search(node.value):
                yield node
        elif not isinstance(node, ast.Call):  # a call is marked, or another's business
            yield from _literals(ast.iter_child_nodes(node), pattern)


def _mending(path: str, node: ast.expr, printed: bool) -> str:
    mark, home = ("spoken", "qianbei.language") if printed else ("said", "schemas.said")
    return (
        f"{path}:{node.lineno}: {ast.unparse(node)[:90]} is shown to people and cannot be translated: write "
        f"{mark}('… {{name}} …', name=value), from {home}, then run make messages"
    )


if __name__ == "__main__":
    update()
    wrong = unmarked(dict(modules())) + faults(translations(), places())
    print("\n".join(wrong or ["every text has its Chinese"]))
    if wrong:
        print(f"\n{len(wrong)} to mend: fill the msgstr in {CATALOGUE.relative_to(ROOT)} and run this again")
    sys.exit(bool(wrong))
