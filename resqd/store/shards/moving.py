"""Moving what waits on one shard to another, each thing once, whoever is stopped in between."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from resqd.store.debts import owed_by
from resqd.store.names import to_bytes, to_text
from resqd.store.redis.protocol import Argument, PackedKeys, Script, ScriptCall

if TYPE_CHECKING:
    from collections.abc import Iterable

    from resqd.store.resque.store import Store

_TAKE: Final = Script.load("shards/take")
_PUT: Final = Script.load("shards/put", "inflight/entries", "clock", "later/later")
AT_ONCE: Final = 200
"""Things in one step."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was put aside: `name` is that of its queue or failed list, or the ticket of a job for later."""

    field: str
    kind: str
    name: str
    data: bytes
    due: int = 0

    @classmethod
    def read(cls, field: bytes, text: bytes) -> Item:
        """As take.lua writes it."""
        kind, _, rest = text.partition(b" ")
        length, _, rest = rest.partition(b":")
        name, data, due = to_text(rest[: int(length)]), rest[int(length) :], 0
        if kind == b"later":
            moment, _, data = data.partition(b" ")
            due = int(moment)
        return cls(to_text(field), kind.decode(), name, data, due)

    @property
    def keyed(self) -> bool:
        """Whether it is a job that belongs on the home shard: one that owes something at its end."""
        raw = self.data
        if self.kind == "later":
            length, _, rest = raw.partition(b":")
            raw = rest[int(length) :]
        return self.kind != "failed" and bool(owed_by(raw))


class Mover:
    """From one shard to another; what has a key goes home. The two scripts never meet: between them it is put aside.

    Its name there never comes again, and the other shard notes the names that it has had. Errors of all: StoreError;
    then it may be called again, and begins with what was put aside.
    """

    def __init__(self, source: Store, target: Store, home: Store, *, source_id: str) -> None:
        self._source = source
        self._target = target
        self._home = home
        self._id = source_id

    def run(self) -> int:
        """Move all that waits: queues, what is to run later, and failures; how many things."""
        moved = self._pass_on()
        while self._take():
            moved += self._pass_on()
        return moved

    def _take(self) -> int:
        """Put the next things aside; how many."""
        keys, books = self._source.keys, self._source.books
        batch = uuid.uuid4().hex
        lists = [("queue", name, keys.queue(name)) for name in books.queues.names()]
        lists += [("failed", name, books.failures.key(name)) for name in books.failures.lists()]
        for kind, name, key in lists:
            if taken := self._run(
                self._source,
                ScriptCall(_TAKE, PackedKeys.of(keys.shard_moving, key), (batch, kind, name, AT_ONCE)),
            ):
                return taken
        call = ScriptCall(
            _TAKE,
            PackedKeys.of(keys.shard_moving, keys.later, keys.later_jobs),
            (batch, "later", "", AT_ONCE),
        )
        return self._run(self._source, call)

    def _pass_on(self) -> int:
        """Let the other shards have what was put aside; how many things."""
        key = self._source.keys.shard_moving
        flat = self._source.on_link(lambda link, _keys: link.call("HGETALL", key))
        items = [Item.read(*pair) for pair in zip(flat[::2], flat[1::2], strict=True)]
        items.sort(key=lambda item: (item.field.partition(".")[0], int(item.field.partition(".")[2])))
        for store, chosen in (
            (self._home, [item for item in items if item.keyed]),
            (self._target, [item for item in items if not item.keyed]),
        ):
            if chosen:
                self._run(store, self._put(store, chosen))
                fields = [item.field for item in chosen]
                self._source.on_link(lambda link, _keys, fields=fields: link.call("HDEL", key, *fields))  # type: ignore[misc] # bound now
        return len(items)

    def _put(self, store: Store, items: Iterable[Item]) -> ScriptCall:
        keys = store.keys
        lists: list[str | bytes] = []
        arguments: list[Argument] = []
        for item in items:
            where: str | int = item.due
            if item.kind != "later":
                where = keys.queue(item.name) if item.kind == "queue" else store.books.failures.key(item.name)
                lists.append(where)
            arguments += (item.field, item.kind, to_bytes(item.name), where, item.data)
        packed = PackedKeys.of(
            keys.shard_moved(self._id),
            keys.queues,
            keys.failed_queues,
            keys.later,
            keys.later_jobs,
            *dict.fromkeys(lists),
        )
        return ScriptCall(_PUT, packed, arguments)

    @staticmethod
    def _run(store: Store, call: ScriptCall) -> int:
        return store.on_link(lambda link, _keys: int(link.run_script(call)))
