"""Every planted mistake of the law is found by a history."""

import pytest

from tests.machine.mutations import MUTATIONS, Mutation, caught, lawful


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name.replace(" ", "-"))
def test_a_planted_mistake_is_caught(mutation: Mutation) -> None:
    found = caught(mutation)
    assert found is not None, f"'{mutation.name}' survived"
    print(f"{mutation.name}: seed {found}")


@pytest.mark.parametrize("number", sorted({mutation.seed for mutation in MUTATIONS}))
def test_without_a_mistake_nothing_is_caught(number: int) -> None:
    assert lawful(number)


def test_there_are_enough_of_them() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) >= 20
