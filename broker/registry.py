"""The schema registry behind its Confluent REST API (Apicurio, Karapace and Confluent's own answer alike)."""

import json
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import quote

import httpx

from broker.errors import AccessDenied, ConfigError, Unavailable
from schemas.said import said

_MEDIA = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
Schema = dict[str, Any]


class SchemaIds(Protocol):
    """Who knows under which ids schemas are registered."""

    def lookup(self, subject: str, schema: Schema) -> int | None:
        """The id of this very schema under the subject, or None if it was never registered there."""


class Registry:
    """A client for one registry. Services only look up; ``register`` and ``set_compatibility`` are for deployment.

    Every method raises Unavailable if the registry does not answer, AccessDenied on 401 or 403.
    """

    def __init__(self, url: str, *, timeout_s: float = 10.0) -> None:
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._client: httpx.Client | None = None

    def __enter__(self) -> Self:
        self._client = httpx.Client(
            base_url=self._url, timeout=self._timeout_s, headers=_MEDIA, trust_env=False
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        assert self._client is not None
        self._client.close()
        self._client = None

    def subjects(self) -> list[str]:
        """The names of all registered subjects."""
        return list(self._call("GET", "/subjects").json())

    def register(self, subject: str, schema: Schema) -> int:
        """Register a version and return its id; the same schema again gives the same id.

        Raises ConfigError if the registry finds it incompatible with an earlier version (409 or 422).
        """
        answer = self._call(
            "POST", f"/subjects/{quote(subject, safe='')}/versions", _body(schema), allow=(409, 422)
        )
        if answer.status_code != 200:
            raise ConfigError(
                said(
                    "the registry at {url} refuses the schema of {subject}: {text}. A released version "
                    "is never edited: add a new one that is compatible in both directions",
                    url=self._url,
                    subject=subject,
                    text=answer.text[:500],
                )
            )
        return int(answer.json()["id"])

    def lookup(self, subject: str, schema: Schema) -> int | None:
        """The id of this very schema under the subject, or None if it was never registered there."""
        answer = self._call("POST", f"/subjects/{quote(subject, safe='')}", _body(schema), allow=(404,))
        return int(answer.json()["id"]) if answer.status_code == 200 else None

    def schema(self, schema_id: int) -> Schema | None:
        """The schema of an id, or None if there is none."""
        answer = self._call("GET", f"/schemas/ids/{schema_id}", allow=(404,))
        if answer.status_code == 404:
            return None
        parsed: Schema = json.loads(answer.json()["schema"])
        return parsed

    def newest(self, subject: str) -> tuple[int, Schema] | None:
        """The id and schema that were registered last under a subject, or None if none ever was."""
        answer = self._call("GET", f"/subjects/{quote(subject, safe='')}/versions/latest", allow=(404,))
        if answer.status_code == 404:
            return None
        found = answer.json()
        parsed: Schema = json.loads(found["schema"])
        return int(found["id"]), parsed

    def compatibility(self) -> str:
        """The registry's global rule."""
        return str(self._call("GET", "/config").json()["compatibilityLevel"])

    def set_compatibility(self, level: str) -> None:
        """Set the registry's global rule, e.g. ``FULL_TRANSITIVE``."""
        self._call("PUT", "/config", {"compatibility": level})

    def _call(
        self, method: str, path: str, body: object = None, allow: tuple[int, ...] = ()
    ) -> httpx.Response:
        assert self._client is not None, "use the registry in a with block"
        try:
            answer = (
                self._client.request(method, path, json=body) if body else self._client.request(method, path)
            )
        except httpx.TransportError as error:
            raise Unavailable(
                said(
                    "the schema registry at {url} does not answer ({kind}): check that it is running and "
                    "that SCHEMA_REGISTRY_URL is right",
                    url=self._url,
                    kind=type(error).__name__,
                )
            ) from error
        if answer.status_code == 200 or answer.status_code in allow:
            return answer
        if answer.status_code in (401, 403):
            raise AccessDenied(
                said(
                    "the schema registry at {url} refuses {method} {path} ({status_code})",
                    url=self._url,
                    method=method,
                    path=path,
                    status_code=answer.status_code,
                )
            )
        raise Unavailable(
            said(
                "the schema registry at {url} answers {status_code} to {method} {path}",
                url=self._url,
                status_code=answer.status_code,
                method=method,
                path=path,
            )
        )


def _body(schema: Schema) -> dict[str, str]:
    return {"schema": json.dumps(schema, ensure_ascii=False)}
