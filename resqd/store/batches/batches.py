"""What has become of batches and workflows: to look at them, cancel them, close those that nobody fills any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from resqd.store.batches.filling import CHUNK, LIBRARIES, Lineage
from resqd.store.keys import Keys
from resqd.store.later.later import MICRO
from resqd.store.names import to_text
from resqd.store.redis.protocol import Argument, PackedKeys, Script, ScriptCall, ServerError, judge

if TYPE_CHECKING:
    from resqd.store.redis.link import Link

State = Literal["filling", "running", "succeeded", "stopped", "cancelled"]

CLOSE: Final = Script.load("batches/close", *LIBRARIES)


@dataclass(frozen=True, slots=True)
class Status:
    """A batch as it was when it was looked at; times in seconds since 1970."""

    id: str
    description: str
    created: float
    total: int
    pending: int
    failed: int
    skipped: int
    left: int
    """How many jobs wait for others."""
    done: float | None
    succeeded: float | None
    cancelled: bool
    abandoned: bool
    open: bool
    parents: tuple[str, ...]
    facts: Mapping[str, str]

    @property
    def state(self) -> State:
        """What has become of it so far; "stopped": nothing of it runs, and something failed or cannot begin."""
        if self.succeeded is not None:
            return "succeeded"
        if self.cancelled:
            return "cancelled"
        if self.open:
            return "filling"
        return "running" if self.pending else "stopped"

    @property
    def ended(self) -> int:
        """How many of its jobs have ended, whatever way."""
        return self.total - self.pending - self.left

    @property
    def progress(self) -> float:
        """What part of its jobs has ended, from 0 to 1."""
        return self.ended / self.total if self.total else float(not self.open)


class Batches:
    """For who looks at batches, or changes them, over a link of its owner's."""

    def __init__(self, link: Link, keys: Keys) -> None:
        self._link = link
        self._keys = keys

    def get(self, batch_id: str) -> Status | None:
        """One batch; None where there is none. Errors: StoreError."""
        return next(iter(self.look([batch_id])), None)

    def look(self, ids: Sequence[str]) -> list[Status]:
        """These batches, but for those that there are not. Errors: StoreError."""
        commands: list[Sequence[Argument]] = []
        for batch_id in ids:
            facts, pending, failed, _ = self._keys.batch(batch_id)
            commands += [("HGETALL", facts), ("SCARD", pending), ("SCARD", failed)]
        replies = [_good(reply) for reply in self._link.pipeline(commands)] if commands else []
        return [
            _status(flat, pending, failed)
            for flat, pending, failed in zip(replies[::3], replies[1::3], replies[2::3], strict=True)
            if flat
        ]

    def newest(self, count: int) -> list[Status]:
        """The latest ones, the newest first; the ids of those that have expired are forgotten. Errors: StoreError."""
        found: list[Status] = []
        start = 0
        while len(found) < count:
            ids = [
                to_text(each) for each in self._link.call("ZREVRANGE", self._keys.batches, start, start + 99)
            ]
            if not ids:
                break
            there = self.look(ids)
            found += there
            if gone := set(ids) - {status.id for status in there}:
                self._link.call("ZREM", self._keys.batches, *gone)
            start += len(there)
        return found[:count]

    def members(self, batch_id: str, kind: str) -> list[str]:
        """The ids of jobs that are "pending", or have "failed"; `batch:ID` for a batch in it. Errors: StoreError."""
        key = self._keys.batch(batch_id)[1 if kind == "pending" else 2]
        return self._walk("SSCAN", key)

    def some(self, batch_id: str, kind: str, most: int) -> list[str]:
        """So many of these ids, in no order, in one look. Errors: StoreError."""
        key = self._keys.batch(batch_id)[1 if kind == "pending" else 2]
        return [to_text(each) for each in self._link.call("SSCAN", key, b"0", "COUNT", most)[1]][:most]

    def page(self, start: int, count: int) -> tuple[int, list[Status]]:
        """How many batches there are, and some of them, the newest first. Errors: StoreError."""
        ids = self._link.call("ZREVRANGE", self._keys.batches, start, start + count - 1)
        return self._link.call("ZCARD", self._keys.batches), self.look([to_text(each) for each in ids])

    def nodes(self, batch_id: str) -> dict[str, str]:
        """What a workflow keeps of its jobs: of those that wait, entries, and results (batches.lua)."""
        flat = self._link.call("HGETALL", self._keys.batch(batch_id)[3])
        return {to_text(name): to_text(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}

    def cancel(self, status: Status) -> bool:
        """Let nothing more of it be enqueued, and its callback for success be never called. Errors: StoreError."""
        return bool(self._close(status, "cancel"))

    def give_up(self, status: Status, members: Sequence[str]) -> int:
        """Let members end that are nowhere; how many were pending. Errors: StoreError."""
        return sum(
            int(self._close(status, "lost", *members[start : start + CHUNK]))
            for start in range(0, len(members), CHUNK)
        )

    def close_late(self) -> int:
        """Close batches that nobody fills any more; how many. Errors: StoreError."""
        found = self._link.call(
            "ZRANGE", self._keys.batches_open, "-inf", "+inf", "BYSCORE", "LIMIT", 0, CHUNK
        )
        closed = 0
        for batch_id in map(to_text, found):
            status = self.get(batch_id)
            lineage = Lineage((batch_id, *(status.parents if status else ())))
            closed += int(self._run(lineage, "late"))
        return closed

    def _close(self, status: Status, *words: str) -> Any:
        return self._run(Lineage((status.id, *status.parents)), *words)

    def _run(self, lineage: Lineage, *words: str) -> Any:
        later, jobs, *own = lineage.keys(self._keys)
        keys = PackedKeys.of(later, jobs, self._keys.batches_open, *own)
        return self._link.run_script(ScriptCall(CLOSE, keys, [lineage.id, *words]))

    def _walk(self, command: str, key: str) -> list[str]:
        found: dict[str, None] = {}
        cursor = b"0"
        while True:
            cursor, page = self._link.call(command, key, cursor, "COUNT", 1_000)
            found.update(dict.fromkeys(map(to_text, page)))
            if cursor == b"0":
                return list(found)


def _good(reply: Any) -> Any:
    if isinstance(reply, ServerError):
        raise judge(reply)
    return reply


_KNOWN: Final = ("id", "description", "created", "total", "skipped", "left", "done", "succeeded")
_HIDDEN: Final = {
    *_KNOWN,
    "on_done",
    "on_success",
    "ended_ttl",
    "ttl",
    "open",
    "parents",
    "cancelled",
    "abandoned",
}


def _status(flat: list[bytes], pending: int, failed: int) -> Status:
    facts = {to_text(name): to_text(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}

    def count(name: str) -> int:
        return int(facts.get(name, 0))

    def time(name: str) -> float | None:
        return int(facts[name]) / MICRO if name in facts else None

    return Status(
        id=facts["id"],
        description=facts.get("description", ""),
        created=time("created") or 0.0,
        total=count("total"),
        pending=pending,
        failed=failed,
        skipped=count("skipped"),
        left=count("left"),
        done=time("done"),
        succeeded=time("succeeded"),
        cancelled="cancelled" in facts,
        abandoned="abandoned" in facts,
        open="open" in facts,
        parents=tuple(facts.get("parents", "").split()),
        facts={name: value for name, value in facts.items() if name not in _HIDDEN},
    )
