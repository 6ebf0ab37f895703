"""How a department receives what it is entitled to: a ``Subscription``, and one example module a department.

``subscription`` is the part to build on; ``tax``, ``court``, ``police``, ``fund``, ``bank``, ``bureau`` and
``monitoring`` each show a department's own use in a page, as a start for a real integration. Nothing here reads
anything but ``dept.*`` topics.
"""
