"""Fetching files from Maven Central by jgo. No Maven is needed."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import requests
from jgo.maven import MavenContext, PythonResolver

from qianbei.stack.errors import StackError
from qianbei.stack.locked import LockedFile
from schemas.said import said

LARGE_BYTES = 20 * 1024**2

Say = Callable[[str], None]


def context(say: Say) -> MavenContext:
    """Maven Central and the user's local repository; `say` gets the progress."""
    return MavenContext(resolver=PythonResolver(progress_callback=_progress(say)), timeout=30)


def fetch(maven: MavenContext, file: LockedFile) -> Path:
    """The file in the local repository, downloaded if it is not there, and checked against the lock."""
    final = _in_repository(maven, file)
    if not final.exists():
        _download(maven, file, final)
    elif not file.is_intact(final):  # another program's interrupted download, or worse
        raise StackError(
            said("a downloaded file is not what it should be"),
            str(final),
            said("remove that file, then start again"),
        )
    return final


def _in_repository(maven: MavenContext, file: LockedFile) -> Path:
    component = maven.project(file.group, file.name).at_version(file.version)
    path = component.artifact(classifier=file.classifier, packaging=file.packaging).cached_path
    if path is None:
        raise StackError(said("there is no local Maven repository"), "M2_REPO", said("set it to a directory"))
    return path


def _download(maven: MavenContext, file: LockedFile, final: Path) -> None:
    """jgo writes a download under its final name from the first byte on, and only warns of a wrong checksum.
    So it works in a directory aside, and what it brought is moved when it is proven whole."""
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=final.parent) as temporary:
        aside = MavenContext(
            repo_cache=Path(temporary),
            remote_repos=maven.remote_repos,
            resolver=maven.resolver,
            timeout=maven.timeout,
        )
        component = aside.project(file.group, file.name).at_version(file.version)
        brought = component.artifact(classifier=file.classifier, packaging=file.packaging).resolve()
        if not file.is_intact(brought):
            raise StackError(
                said("a download is not the file that it should be"),
                final.name,
                said("start again; if it stays, something between Maven Central and here changes files"),
            )
        brought.replace(final)


@contextmanager
def failures_told() -> Iterator[None]:
    """What a fetch meets, as `StackError`."""
    try:
        yield
    except requests.RequestException as error:
        raise StackError(
            said("Kafka and the registry could not be downloaded"),
            said("Maven Central, {kind}", kind=type(error).__name__),
            said("check the network and the proxy settings (HTTPS_PROXY), then start again"),
        ) from error
    except RuntimeError as error:  # what jgo raises for a file that the repository does not have
        raise StackError(said("a download failed"), str(error)[:300], said("start again")) from error


def _progress(say: Say) -> Callable[[str, int], AbstractContextManager[Callable[[int], None]]]:
    """One line a file; for a large one, one more every tenth."""

    @contextmanager
    def progress(name: str, total: int) -> Iterator[Callable[[int], None]]:
        done, told = 0, 0

        def update(count: int) -> None:
            nonlocal done, told
            done += count
            tenth = done * 10 // total
            if total > LARGE_BYTES and tenth > told:
                told = tenth
                say(f"  {name} {tenth * 10} %")

        say(said("downloading {name} ({total:.1f} MB)", name=name, total=total / 1000000.0))
        yield update

    return progress
