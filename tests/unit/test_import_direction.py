"""Imports point one way, so that each house can be understood without the ones that build on it.

``qianbei → producers | consumers → broker → schemas``. An agency installs ``consumers`` and must not get producers with
it; the simulator's model and ``verify`` must not be able to ask the code under test for its answers.
"""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOUSES = ("schemas", "broker", "producers", "consumers", "qianbei")

ALLOWED = {
    "schemas": {"schemas"},
    "broker": {"broker", "schemas"},
    "producers": {"producers", "broker", "schemas"},
    "consumers": {"consumers", "broker", "schemas"},
    "qianbei": set(HOUSES),
}

#: Modules that are pure: all they may import of ours, so that no topic, database or setting can come in.
PURE = {"broker/reckoning": ("broker.reckoning", "schemas")}

#: Modules that answer independently: the prefixes that they may not import, and why.
INDEPENDENT = {
    "producers/simulator/model": ("broker", "schemas.catalogue"),
    "qianbei/verify": (
        "broker.codec",
        "broker.released",
        "broker.admission",
        "broker.routing",
        "broker.compaction",
        "schemas.derive",
        "producers",
        "consumers",
    ),
}


def imports(path: Path) -> set[str]:
    """The full names of all modules that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the direction"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files(house: str) -> list[Path]:
    found = sorted((ROOT / house).rglob("*.py"))
    assert found, f"no files in {house}"
    return found


@pytest.mark.parametrize("house", HOUSES)
def test_imports_point_one_way(house: str) -> None:
    for path in files(house):
        reached = {name.split(".")[0] for name in imports(path)} & set(HOUSES)
        assert reached <= ALLOWED[house], f"{path} imports {reached - ALLOWED[house]}"


def test_only_the_adapter_imports_kafka() -> None:
    for house in HOUSES:
        for path in files(house):
            if path.is_relative_to(ROOT / "broker" / "kafka"):
                continue
            assert not [n for n in imports(path) if n == "kafka" or n.startswith("kafka.")], (
                f"{path} imports kafka"
            )


@pytest.mark.parametrize("prefix", INDEPENDENT)
def test_independent_answers_are_independent(prefix: str) -> None:
    independent = [
        path for house in HOUSES for path in files(house) if str(path.relative_to(ROOT)).startswith(prefix)
    ]
    assert independent, f"nothing begins with {prefix}"
    for path in independent:
        wrong = [n for n in imports(path) if n.startswith(INDEPENDENT[prefix])]
        assert not wrong, f"{path} imports {wrong}"


@pytest.mark.parametrize("prefix", PURE)
def test_pure_modules_import_no_way_to_the_outside(prefix: str) -> None:
    pure = sorted((ROOT / prefix).rglob("*.py"))
    assert pure, f"nothing in {prefix}"
    for path in pure:
        for name in imports(path):
            house = name.split(".")[0]
            ours = house in HOUSES and name != "broker"
            assert not ours or name.startswith(PURE[prefix]), f"{path} imports {name}"
            assert ours or house in sys.stdlib_module_names or name == "broker", f"{path} imports {name}"


def test_a_wrong_import_is_found(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("from producers import publisher\nimport broker.admission.decide\n")
    assert imports(module) == {"producers", "producers.publisher", "broker.admission.decide"}
