"""The story of a contract, a house, any other entity, or one event, told from the topics alone.

Vocabulary. A *story* is a timeline of *entries* in the order of decision. An entry is one decision: what came and from
where, what was decided and why, on what evidence, and what followed. A *change* is a revision that a decision wrote; a
*request* is what the exchange asked of itself because of it, decided in another slot or later. Names and identity
numbers are masked, always.
"""

from qianbei.explain.model import Change, Entry, Fact, Redriven, Request, Story, Why
from qianbei.explain.telling import NothingFound, story

__all__ = ["Change", "Entry", "Fact", "NothingFound", "Redriven", "Request", "Story", "Why", "story"]
