"""Where kcat is. It is no Python package, so a machine may lack it; a test that needs it then says so in the summary."""

import shutil

import pytest


def kcat_program() -> str:
    """The kcat on the PATH."""
    found = shutil.which("kcat") or shutil.which("kafkacat")
    if found is None:
        pytest.skip(
            "kcat is not installed here: `apt-get install kcat` makes this check run, as .ci/run does"
        )
    return found
