"""Which daemons know which classes of jobs: each tells its own, and whoever meets a class that it lacks looks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from resqd.store.names import WorkerId, matches, to_text
from resqd.store.redis.protocol import PackedKeys, Script, ScriptCall

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from resqd.store.keys import Keys
    from resqd.store.redis.link import Link

_PUBLISH: Final = Script.load("resque/publish_classes")
_LOOK: Final = Script.load("resque/look_for_classes")
MOST: Final = 2_000
"""Classes that a daemon tells; one that has more counts as one that may know any."""
LONGEST: Final = 64 * 1024
"""Characters of all their names, for the same reason."""
KEPT: Final = 7 * 86_400
"""Seconds for which another application's classes count after the end of its last daemon."""
KEPT_OWN: Final = 600
"""The same for a daemon of one's own application: a deploy may be under way; or the class is gone for good."""
RUBY_SILENT: Final = 300
"""Seconds without a heartbeat after which a Ruby worker counts as dead; one that never beats counts as alive."""


@dataclass(frozen=True, slots=True)
class Knower:
    """Somebody who takes jobs from queues: `classes` is None where it is not known which jobs it has.

    `away` is for how many seconds it has been gone, 0 while it lives; `app` names its application.
    """

    app: str
    queues: tuple[str, ...]
    classes: frozenset[str] | None
    away: float = 0.0

    def serves(self, queue: str) -> bool:
        """Whether it takes jobs from that queue."""
        return any(matches(pattern, queue) for pattern in self.queues)


class Knowers:
    """Over a link of its owner's; each method may raise a StoreError."""

    def __init__(self, link: Link, keys: Keys) -> None:
        self._link = link
        self._keys = keys

    def publish(self, life: str, *, app: str, queues: Sequence[str], classes: Iterable[str]) -> bool:
        """Tell what this life of a daemon knows; whether that is news."""
        names: list[str] | None = sorted(classes)
        if len(names or ()) > MOST or sum(map(len, names or ())) > LONGEST:
            names = None
        facts = json.dumps({"app": app, "queues": list(queues), "classes": names}, separators=(",", ":"))
        keys = PackedKeys.of(self._keys.classes, self._keys.classes_left, self._keys.daemons)
        daemon = life.rpartition(":")[0]
        return bool(self._link.run_script(ScriptCall(_PUBLISH, keys, (life, f"{daemon}:", facts))))

    def look(self) -> list[Knower]:
        """All that live or have not been away for long, and the Ruby workers, which may know any class."""
        keys = self._keys
        packed = PackedKeys.of(
            keys.classes,
            keys.classes_left,
            keys.daemons,
            keys.workers,
            f"{keys.namespace}:resqd:workers",
            keys.heartbeats,
        )
        known, rubies, now = self._link.run_script(ScriptCall(_LOOK, packed, (KEPT,)))
        told = [_told(facts, away) for facts, away in zip(known[::2], known[1::2], strict=True)]
        ruby = [_ruby(name, beat, now) for name, beat in zip(rubies[::2], rubies[1::2], strict=True)]
        return [each for each in (*told, *ruby) if each is not None]


def _told(text: bytes, away: int) -> Knower | None:
    """None where the facts are of a form that only a newer release knows."""
    try:
        facts: dict[str, Any] = json.loads(text)
        classes = facts["classes"]
        return Knower(
            app=str(facts["app"]),
            queues=tuple(map(str, facts["queues"])),
            classes=None if classes is None else frozenset(map(str, classes)),
            away=float(max(away, 0)),
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _ruby(name: bytes, beat: bytes, now: int) -> Knower | None:
    """A Ruby worker that beats, or never does, as those before Resque 1.26."""
    if beat:
        try:
            at = datetime.fromisoformat(to_text(beat))
        except ValueError:
            return None
        if now - (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() > RUBY_SILENT:
            return None
    return Knower("", WorkerId.parse(to_text(name)).queues, None)
