"""How batches are filled, and workflows, which are batches with jobs that wait for others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from resqd.errors import BatchDone
from resqd.store.debts import batch_keys
from resqd.store.keys import Keys
from resqd.store.later.later import MICRO, When
from resqd.store.names import to_bytes
from resqd.store.redis.protocol import Argument, PackedKeys, Script, ScriptCall, ServerError, judge

if TYPE_CHECKING:
    from resqd.store.redis.link import Link

LIBRARIES: Final = ("inflight/entries", "clock", "later/later", "batches/batches")
ADD: Final = Script.load("batches/add", *LIBRARIES)

CHUNK: Final = 500
"""Jobs in one call, and BYTES of them: Redis serves nobody else meanwhile."""
BYTES: Final = 1 << 20
OPEN_FOR: Final = 60.0
"""Seconds within which the next jobs of a batch must come while it is filled; else its producer counts as dead."""
KEPT: Final = 30 * 86_400
"""Seconds for which a batch is kept that nothing is added to, and ENDED_KEPT those of one that is done."""
ENDED_KEPT: Final = 7 * 86_400
DEEPEST: Final = 16
"""Batches inside each other."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """A batch, and the ones around it from the innermost on."""

    ids: tuple[str, ...]

    @property
    def id(self) -> str:
        """The batch's own."""
        return self.ids[0]

    def keys(self, keys: Keys) -> list[str]:
        """What is touched when something of it ends (batches.lua)."""
        return [*batch_keys(keys, self.ids)]


class Item(NamedTuple):
    """A job of a batch: where it goes, and when (None: now)."""

    queue: str
    id: str
    raw: bytes
    when: When | None = None
    front: bool = False


class Node(NamedTuple):
    """A job of a workflow as it waits for so many others, with those that wait for it.

    `entry` is its queue and the parts of its payload (`parts`); '' for one that waits for none.
    """

    id: str
    waits: int
    children: tuple[str, ...]
    entry: bytes
    about: str = ""
    """What people are shown of it."""


def entry_of(queue: str, payload: bytes) -> bytes:
    """A queue and what goes there, as the scripts keep them."""
    name = to_bytes(queue)
    return b"%d:%b%b" % (len(name), name, payload)


def parts(pieces: Iterable[tuple[str, bytes]]) -> bytes:
    """A payload in parts: ('T', text) or ('R', id of the node whose result stands there)."""
    return b"".join(b"%b%d:%b" % (kind.encode(), len(text), text) for kind, text in pieces)


@dataclass(slots=True)
class Facts:
    """What a batch is told when it is made; the callbacks by the id that they will have."""

    description: str = ""
    on_success: tuple[str, bytes] | None = None
    on_done: tuple[str, bytes] | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    ended_ttl: int = ENDED_KEPT

    def arguments(self, lineage: Lineage) -> list[Argument]:
        """Names and values; the id comes first."""
        found: list[Argument] = ["id", lineage.id, "parents", " ".join(lineage.ids[1:])]
        found += ("description", self.description, "ended_ttl", self.ended_ttl)
        for name, callback in (("on_success", self.on_success), ("on_done", self.on_done)):
            if callback is not None:
                found += (name, b"%b %b" % (callback[0].encode(), callback[1]))
        for name, value in self.extra.items():
            found += (name, value)
        return found


class Filler:
    """Fills one batch over a link of its caller's. `facts`: a new one; `member`: the job of it that adds."""

    def __init__(
        self, link: Link, keys: Keys, lineage: Lineage, *, facts: Facts | None = None, member: str = ""
    ) -> None:
        self._link = link
        self._keys = keys
        self._lineage = lineage
        self._facts = facts
        self._mode = member or ("more" if facts is None else "new")
        self._member = member

    def add(self, nodes: Sequence[Node], items: Sequence[Item], *, seal: bool) -> None:
        """Put nodes, then jobs, in order. `seal`: that is all, and what has ended may call back.

        Errors: BatchDone, StoreError; then what was in calls before has been put.
        """
        chunks = [_nodes(chunk) for chunk in _in_chunks(nodes, lambda node: len(node.entry))]
        chunks += [_groups(chunk) for chunk in _in_chunks(items, lambda item: len(item.raw))]
        if not chunks and (seal or self._mode == "new"):
            chunks.append(([], []))
        for i, (queues, arguments) in enumerate(chunks, 1):
            self._call(queues, arguments, seal=seal and i == len(chunks))

    def _call(self, queues: Sequence[str], groups: Sequence[Argument], *, seal: bool) -> None:
        keys, lineage = self._keys, self._lineage
        lists = [keys.queue(queue) for queue in queues]
        later, jobs, *own = lineage.keys(keys)
        packed = PackedKeys.of(later, jobs, keys.queues, keys.batches, keys.batches_open, *own, *lists)
        facts = ["id", lineage.id] if self._facts is None else self._facts.arguments(lineage)
        head: list[Argument] = [len(lineage.ids), self._mode, "seal" if seal else ""]
        head += (round(OPEN_FOR * MICRO), KEPT, len(facts) // 2, *facts)
        reply = self._link.run_scripts([ScriptCall(ADD, packed, [*head, *groups])])[0]
        if isinstance(reply, ServerError):
            raise BatchDone(reply.text.partition(" ")[2]) if reply.code == "DONE" else judge(reply)
        self._facts, self._mode = None, self._member or "more"


def _in_chunks(things: Sequence[Any], size_of: Any) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    size = 0
    for thing in things:
        chunk.append(thing)
        size += size_of(thing)
        if len(chunk) >= CHUNK or size >= BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _nodes(nodes: Sequence[Node]) -> tuple[list[str], list[Argument]]:
    arguments: list[Argument] = ["node", 0, "", len(nodes)]
    for node in nodes:
        arguments += (node.id, node.waits, " ".join(node.children), node.about, node.entry)
    return [], arguments


def _groups(items: Sequence[Item]) -> tuple[list[str], list[Argument]]:
    """Jobs in runs that go to the same place, and the queues of those that go there now."""
    groups: dict[tuple[str, int, str], list[Item]] = {}
    for item in items:
        kind = item.when.word if item.when is not None else "front" if item.front else "back"
        groups.setdefault((kind, item.when.micros if item.when else 0, item.queue), []).append(item)
    arguments: list[Argument] = []
    queues = []
    for (kind, micros, queue), members in groups.items():
        if kind in {"back", "front"}:
            queues.append(queue)
        arguments += (kind, micros, queue, len(members))
        for item in members:
            arguments += (item.id, item.raw)
    return queues, arguments
