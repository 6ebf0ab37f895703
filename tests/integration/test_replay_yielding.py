"""What a replay sees of the live services that it gives way to."""

from broker.kafka import Connection
from broker.replay.yielding import looking
from broker.store.roles import READER
from broker.topics import ADMISSION, OPERATOR, ROUTING
from tests.support.exchange import Exchange, until
from tests.support.story import sender, sold_house

SALES = 20


def test_a_service_that_is_away_falls_behind_and_catches_up(exchange: Exchange) -> None:
    settings = exchange.site.settings(OPERATOR, role=READER)
    with looking(Connection.of(settings), settings.installation()) as look:
        until("nothing is left to do", lambda: all(one.behind == 0 for one in look().values()))
        before = look()
        exchange.supervisor.stop("admission-0")
        with sender(exchange.site, "bureau") as bureau:
            bureau.send(*(event for _ in range(SALES) for event in sold_house()))
        late = look()
        exchange.ensure_services(1)
        until("they have caught up", lambda: all(one.behind == 0 for one in look().values()))
        after = look()
    assert late[ADMISSION].behind >= 2 * SALES - settings.slots
    assert late[ADMISSION].handled == before[ADMISSION].handled
    assert after[ADMISSION].handled >= before[ADMISSION].handled + 2 * SALES
    assert after[ROUTING].handled >= before[ROUTING].handled + 2 * SALES
