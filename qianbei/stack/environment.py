"""The environment of the stack's servers: made, not inherited, since variables such as PGDATA, CLASSPATH or
JAVA_TOOL_OPTIONS of the caller's shell would change what starts."""

import os

KEPT = ("PATH", "HOME", "TMPDIR", "TZ", "LD_LIBRARY_PATH")


def clean_environment(**more: str) -> dict[str, str]:
    """A few inherited variables, a fixed locale, and `more`."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", **more}
