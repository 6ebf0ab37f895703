"""Backfill: a department's topic filled from the history of its subject, then joined to the live stream at exact offsets.

A topic that is to be filled has a *fill group*, without members, whose committed offset of each partition of
``exchange.<subject>`` is that partition's **mark**: up to where the topic holds the projection, and a word. There is no
other state. A topic without marks was never to be filled: routing sends all that it reads.

=============  =====================================================================================================
``marks``      the words of a mark, and what follows from it: pure
``beginning``  marks set when a topic is made; a fill group taken away
``filling``    a stretch of history, projected to one topic in transactions that move its mark
``kept``       which records routing keeps from a topic: pure
``joining``    routing's part: looking at marks, and the join
``run``        the process that fills a department's topics: ``qianbei backfill``
=============  =====================================================================================================
"""
