"""Tokens: what they may, whom they let in, and what is kept of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from broker.api.access import TokenBook, require
from broker.api.problems import ProblemError
from broker.api.tokens import city_of, scopes_of, split
from broker.errors import ConfigError
from schemas.catalogue import load_catalogue
from tests.support.front_door import made_token

CATALOGUE = load_catalogue()


def scopes(principal: str, *words: str) -> set[str]:
    return set(scopes_of(CATALOGUE, principal, words))


def test_no_words_mean_all_that_the_principal_may() -> None:
    found = scopes("bureau")
    assert {"file:sale", "file:unit", "ask:sale", "ask:lease", "ask:mortgage", "read"} - found <= {
        "ask:mortgage"
    }
    assert not any(scope.startswith("ask:unit") for scope in found)
    asked = {"query:sale", "query:sale_prefill"}
    assert scopes("tax") == {"read", *asked, *(f"file:{s}" for s in CATALOGUE.principal("tax").sends)}


def test_a_colleague_of_another_city_may_ask_what_is_open_to_it_and_nothing_else() -> None:
    open_to_it = {"query:household_units", "query:withdrawal_basis"}
    assert scopes_of(CATALOGUE, "fund", [], elsewhere=True) == open_to_it
    assert scopes_of(CATALOGUE, "fund", ["query:withdrawal_basis"], elsewhere=True) == {
        "query:withdrawal_basis"
    }
    for words in (["file"], ["read"], ["query:loan_base"], ["query", "ask:sale"]):
        with pytest.raises(ConfigError):
            scopes_of(CATALOGUE, "fund", words, elsewhere=True)
    with pytest.raises(ConfigError, match="cannot query"):
        scopes_of(CATALOGUE, "police", [], elsewhere=True)


def test_another_city_is_named_by_its_code() -> None:
    assert city_of("410100") == "410100"
    for wrong, mend in (("4101", "six digits"), ("410102", "six digits"), ("411400", "our own city")):
        with pytest.raises(ConfigError, match=mend):
            city_of(wrong)


def test_each_action_has_the_subjects_that_were_asked_for_it() -> None:
    assert scopes("bureau", "file:sale", "ask:lease") == {"file:sale", "ask:lease"}
    assert scopes("bureau", "file:sale,lease", "read") == {"file:sale", "file:lease", "read"}
    assert scopes("bureau", "file:sale", "file:lease") == {"file:sale", "file:lease"}


@pytest.mark.parametrize(
    ("principal", "word", "said"),
    [
        ("nobody", "file", "there is no principal nobody"),
        ("internal", "file", "there is no principal internal"),
        ("bureau", "delete", "there is no scope delete"),
        ("bureau", "read:sale", "there is no scope read:sale"),
        ("bureau", "file:seizure", "bureau cannot file on seizure"),
        ("bureau", "ask:unit", "bureau cannot ask on unit"),
        ("tax", "ask", "tax cannot ask; it can on nothing"),
    ],
)
def test_a_scope_that_cannot_be_is_refused_with_what_can(principal: str, word: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        scopes(principal, word)


def test_a_token_has_one_form_and_holds_no_secret() -> None:
    token, presented = made_token("bureau")
    parts = split(presented)
    assert parts is not None
    assert parts[0] == token.token_id
    assert token.opened_by(parts[1])
    assert parts[1] not in repr(token)
    for wrong in ("", "qb_", presented[:-1], presented + "0", presented.upper(), presented + "\n"):
        assert split(wrong) is None


def test_a_right_is_held_by_action_and_subject() -> None:
    token, _ = made_token("bureau", "file:sale", "ask:lease")
    assert token.may("file")
    assert token.may("file", "sale")
    assert not token.may("file", "lease")
    assert not token.may("ask", "sale")
    assert not token.may("read")
    require(token, "ask", "lease")
    with pytest.raises(ProblemError) as refused:
        require(token, "file", "lease")
    assert refused.value.status == 403
    assert refused.value.mend == "it has file on sale; ask for a token with the scope file:lease"


def refusal(book: TokenBook, authorization: str | None) -> ProblemError:
    with pytest.raises(ProblemError) as refused:
        book.owner(authorization)
    return refused.value


def test_all_that_opens_nothing_is_answered_alike() -> None:
    token, presented = made_token("bureau")
    revoked, of_revoked = made_token("bureau")
    expired, of_expired = made_token("bureau", days=0)
    orphan, of_orphan = made_token("bureau")
    _, unknown = made_token("bureau")
    book = TokenBook(CATALOGUE.principals)
    gone = replace(revoked, revoked_at=datetime.now(UTC))
    book.replace([token, gone, expired, replace(orphan, principal="dissolved")])
    wrong = presented[:-1] + ("0" if presented[-1] != "0" else "1")
    headers = [f"Bearer {one}" for one in (of_revoked, of_expired, of_orphan, unknown, wrong, "x", "")]
    refusals = [refusal(book, one) for one in (None, "", "Bearer", f"Basic {presented}", *headers)]
    assert {one.status for one in refusals} == {401}
    assert len({str(one.document()) for one in refusals}) == 1
    assert all("WWW-Authenticate" in one.headers for one in refusals)
    assert book.take_used() == {}


def test_the_scheme_is_in_any_case_and_use_is_noted_once() -> None:
    token, presented = made_token("bureau")
    now = datetime.now(UTC)
    book = TokenBook(CATALOGUE.principals, lambda: now)
    book.replace([token])
    assert book.owner(f"bearer {presented} ") is token
    assert book.take_used() == {token.token_id: now}
    assert book.take_used() == {}


def test_a_token_ends_at_its_time_and_when_it_is_taken_out() -> None:
    token, presented = made_token("bureau")
    now = token.expires_at - timedelta(seconds=1)
    book = TokenBook(CATALOGUE.principals, lambda: now)
    book.replace([token])
    assert book.owner(f"Bearer {presented}") is token
    now = token.expires_at
    assert refusal(book, f"Bearer {presented}").status == 401
    now = token.created_at
    book.replace([])
    assert refusal(book, f"Bearer {presented}").status == 401
