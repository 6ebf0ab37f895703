"""A running service takes the site's files in when they change, and goes on with what it knew when they are wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker.errors import ConfigError
from broker.learned import RETRY_S, Learned
from broker.logging import get_logger
from broker.metrics import ServiceMetrics
from broker.runner import run
from broker.settings import Settings
from schemas.installation import Installation
from tests.unit.test_installation import BANK


class World:
    """A folder, a service that knows the names of all principals, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 0.0
        self.registered = True
        self.metrics = ServiceMetrics("routing")
        settings = Settings.model_validate(
            {
                "kafka_bootstrap": "127.0.0.1:1",
                "SCHEMA_REGISTRY_URL": "http://127.0.0.1:1",
                "entitlements": folder,
            }
        )
        self.learned = Learned(settings, self._know, self.metrics, get_logger("test"), lambda: self.now)

    def _know(self, _settings: Settings, installation: Installation) -> frozenset[str]:
        if not self.registered:
            raise ConfigError("a schema is not registered")
        return frozenset(installation.catalogue.members)

    def write(self, text: str) -> None:
        temporary = self.folder / "next"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self.folder / "bank.cmb.yaml")

    def told(self) -> str:
        (family,) = [f for f in self.metrics.registry.collect() if f.name == "qianbei_installation"]
        (sample,) = family.samples
        return sample.labels["digest"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.learned.learn()
    return world


def test_a_changed_folder_is_taken_in_once(world: World) -> None:
    before = world.told()
    assert not world.learned.outdated()
    world.write(BANK)
    assert world.learned.outdated()
    assert "bank.cmb" in world.learned.knowledge
    assert not world.learned.outdated()
    assert world.told() == world.learned.installation.digest != before


def test_what_says_the_same_in_other_words_ends_no_session(world: World) -> None:
    world.write(BANK)
    assert world.learned.outdated()
    world.write("# a remark\n" + BANK)
    assert not world.learned.outdated()


def test_a_wrong_file_stops_nothing_and_is_mended(world: World) -> None:
    world.write(BANK.replace("bank.icbc", "bank.none"))
    assert not world.learned.outdated()
    assert "bank.cmb" not in world.learned.knowledge
    world.write(BANK)
    assert world.learned.outdated()


def test_what_is_not_registered_yet_is_tried_again(world: World) -> None:
    world.registered = False
    world.write(BANK)
    assert not world.learned.outdated()
    world.registered = True
    assert not world.learned.outdated()
    world.now = RETRY_S
    assert world.learned.outdated()


def test_at_the_start_a_wrong_file_is_an_error(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write(BANK.replace("bank.icbc", "bank.none"))
    with pytest.raises(ConfigError, match=r"QIANBEI_ENTITLEMENTS: bank.cmb.yaml"):
        world.learned.learn()


class Stopped:
    """Set once three sessions have been opened."""

    def __init__(self) -> None:
        self.opened: list[int] = []

    def is_set(self) -> bool:
        return len(self.opened) >= 3

    def wait(self, timeout: float) -> bool:
        raise AssertionError(f"no pause of {timeout} s is due")


class Steps:
    def __init__(self, counted: list[int]) -> None:
        self._counted = counted

    def step(self) -> int:
        self._counted[-1] += 1
        return 1


def test_a_session_ends_before_the_step_that_would_be_outdated() -> None:
    stop = Stopped()
    answers = iter([False, False, True, False, True, False])

    @contextmanager
    def session() -> Iterator[Steps]:
        stop.opened.append(0)
        yield Steps(stop.opened)

    run(session, stop, ServiceMetrics("test"), get_logger("test"), outdated=lambda: next(answers))
    assert stop.opened == [2, 1, 0]
