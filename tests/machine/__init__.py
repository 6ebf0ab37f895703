"""The law as a state machine: random histories on the real admission code, held against an independent model.

==============  ====================================================================================================
``world``       the sources: bodies of every event type over three houses and a few people
``histories``   the hypothesis state machine: what the sources send, and when
``model``       what must come out, written from the rules as they are told, importing nothing of the broker
``compare``     the differences between that and what an exchange wrote (``observed``)
``memory``      the decisions alone, without Postgres and log: for the planted ``mutations``
``log``         what stands in for Kafka: partitions, a group, transactions, fencing
``exchange``    instances of the real admission on a real Postgres, stepped, crashed and moved by ``on_postgres``
``coverage``    what the histories came upon: a rule that none touches is not tested by any
``on_kafka``    the services themselves, on a real Kafka
==============  ====================================================================================================
"""
