"""Where kcat is. It is no Python package, so a machine may lack it; a test that needs it then says so in the summary."""

import os
import shutil
from pathlib import Path

import confluent_kafka
import pytest


def kcat_program() -> str:
    """The kcat on the PATH."""
    found = shutil.which("kcat") or shutil.which("kafkacat")
    if found is None:
        pytest.skip(
            "kcat is not installed here: `apt-get install kcat` makes this check run, as .ci/run does"
        )
    return found


def kcat_environment() -> dict[str, str]:
    """An environment in which kcat runs on the librdkafka of confluent-kafka's wheel.

    Distributions ship kcat with a librdkafka before 2.6.1, which cannot log in to Kafka 4 by SCRAM.
    """
    libraries = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    (newer,) = libraries.glob("librdkafka-*.so*")
    return os.environ | {"LD_PRELOAD": str(newer)}
