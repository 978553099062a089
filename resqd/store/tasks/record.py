"""The records of tasks: written when they are put on a queue, at each try, and at their end by whatever ends them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from resqd.store.debts import Debt
from resqd.store.names import to_text
from resqd.store.redis.protocol import PackedKeys, Script, ScriptCall, pack_command

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from resqd.store.keys import Keys
    from resqd.store.redis.links import Links

BEGIN: Final = Script.load("tasks/begin", "clock")
FAILED: Final = Script.load("tasks/failed")
LOOK: Final = Script.load("tasks/look")

KIND: Final = "task"
"""What a job owes that has a record; its member is SECONDS ID. What ends it lets the record last for so long."""
WAITING: Final = 30 * 86_400
"""Seconds for which a record lasts whose task does not end: something else may have taken it off its queue."""
TRIES: Final = 100
"""How many tries a record tells of."""
_MICRO: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a task: what its producer wrote, and its tries. Times are in seconds since 1970."""

    task: Mapping[str, Any]
    started: float | None = None
    tried: float | None = None
    finished: float | None = None
    running: bool = False
    """Whether a try has begun and was not told to have ended; also where its process was lost, until the next try."""
    workers: list[str] = field(default_factory=list)
    errors: list[Mapping[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, flat: Iterable[bytes]) -> Record | None:
        """The record of a hash's fields and values; None where it is none of ours. Never raises."""
        parts = [to_text(part) for part in flat]
        facts = dict(zip(parts[::2], parts[1::2], strict=True))
        task = _object(facts.get("task", ""))
        if task is None:
            return None
        errors = [_object(text) for text in _in_order(facts, "error:")]
        return cls(
            task=task,
            started=_seconds(facts.get("started")),
            tried=_seconds(facts.get("tried")),
            finished=_seconds(facts.get("finished")),
            running="running" in facts,
            workers=_in_order(facts, "worker:"),
            errors=[error for error in errors if error is not None],
        )


def debt_for(job_id: str, seconds: float) -> Debt:
    """What a job owes whose record lasts for so many seconds after its end."""
    return Debt(KIND, f"{max(1, round(seconds))} {job_id}")


class Tasks:
    """The records of a namespace, from any thread. Each method may raise a StoreError."""

    def __init__(self, links: Links, keys: Keys) -> None:
        self._links = links
        self._keys = keys

    def add(self, job_id: str, task: Mapping[str, Any], *, seconds: float) -> None:
        """Write the record of a task that is put on its queue next, and that should end within so many seconds."""
        key, text = self._keys.task(job_id), json.dumps(task, separators=(",", ":"))
        commands = (
            ("MULTI",),
            ("HSET", key, "task", text),
            ("EXPIRE", key, round(seconds) + WAITING),
            ("EXEC",),
        )
        self._links.transact(b"".join(pack_command(command) for command in commands), len(commands))

    def drop(self, job_id: str) -> None:
        """Forget a task that could not be put on its queue."""
        self._links.lend(lambda link: link.call("DEL", self._keys.task(job_id)))

    def begin(self, job_id: str, worker: str) -> Record | None:
        """Note that a try begins; the record, with this one; None where there is none."""
        call = ScriptCall(BEGIN, self._both(job_id), (worker, WAITING, TRIES))
        return Record.read(self._links.lend(lambda link: link.run_script(call)))

    def failed(self, job_id: str, error: Mapping[str, Any]) -> None:
        """Note that this try has failed."""
        call = ScriptCall(FAILED, PackedKeys.of(self._keys.task(job_id)), (json.dumps(error),))
        self._links.lend(lambda link: link.run_script(call))

    def look(self, job_id: str) -> tuple[Record | None, bytes | None]:
        """The record, and how the job has ended as `store.resque.outcome` reads it; None for what is not there."""
        call = ScriptCall(LOOK, self._both(job_id))
        flat, ended = self._links.lend(lambda link: link.run_script(call))
        return Record.read(flat), ended

    def _both(self, job_id: str) -> PackedKeys:
        return PackedKeys.of(self._keys.task(job_id), self._keys.result(job_id))


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _seconds(micros: str | None) -> float | None:
    return int(micros) / _MICRO if micros and micros.isdecimal() else None


def _in_order(facts: Mapping[str, str], prefix: str) -> list[str]:
    """The values of PREFIX1, PREFIX2, ..., in their order."""
    numbers = sorted(
        int(name.removeprefix(prefix))
        for name in facts
        if name.startswith(prefix) and name.removeprefix(prefix).isdecimal()
    )
    return [facts[f"{prefix}{number}"] for number in numbers]
