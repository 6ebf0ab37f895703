"""What the samples pin agrees with itself."""

import re
from xml.etree import ElementTree as ET

from qianbei.stack import locked
from tests.support.newcomer import ROOT

JAVA = ROOT / "samples" / "java"
POM = {"m": "http://maven.apache.org/POM/4.0.0"}


def test_maven_and_the_lock_name_the_same_libraries() -> None:
    versions = {f"{one.group}:{one.name}": one.version for one in locked.read_lock(JAVA / "programs.lock")}
    named = ET.parse(JAVA / "pom.xml").findall("m:dependencies/m:dependency", POM)
    assert len(named) == 3
    for one in named:
        group, name, version = (
            one.findtext(f"m:{part}", "", POM) for part in ("groupId", "artifactId", "version")
        )
        assert versions[f"{group}:{name}"] == version


def test_the_compiler_comes_first_and_once() -> None:
    names = [one.name for one in locked.read_lock(JAVA / "programs.lock")]
    assert names[0] == "ecj"
    assert len(set(names)) == len(names)


def test_confluent_kafka_is_the_version_that_the_tests_run() -> None:
    pinned = (ROOT / "samples" / "python" / "requirements.txt").read_text().strip()
    assert f'"{pinned}"' in (ROOT / "pyproject.toml").read_text()


def test_nothing_names_where_downloads_come_from() -> None:
    for path in (
        JAVA / "programs.lock",
        ROOT / "samples" / "go" / "go.sum",
        ROOT / "samples" / "go" / "go.mod",
    ):
        assert not re.search(r"https?://", path.read_text())
