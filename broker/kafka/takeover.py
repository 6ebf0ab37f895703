"""Taking partitions over: the steps that every reader whose only state is the group's offset goes through."""

from broker.kafka.consumer import Generation, GroupConsumer


def take_over(consumer: GroupConsumer) -> Generation | None:
    """Accept a moved assignment and set every partition to where the group stands; to be called when ``moved``.

    Gives None while the group is still moving.
    """
    # 1. The generation first, before any offset is read: what it fences is everything after this moment.
    assignment = consumer.take_assignment()
    if assignment is None:
        return None
    # 2. Where the group stands. This waits for an open transaction of the former owner to end.
    committed = {p: consumer.committed(p) for p in sorted(assignment.partitions)}
    # 3. Read on from there. Without this, records that the client fetched under the former assignment, and that were
    #    dropped with it, would be passed over.
    unknown = [p for p, offset in committed.items() if offset is None]
    first = consumer.beginning_offsets(unknown) if unknown else {}
    for partition, offset in committed.items():
        consumer.seek(partition, first[partition] if offset is None else offset)
    return assignment.generation
