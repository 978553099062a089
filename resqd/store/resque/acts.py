"""What web pages ask of a daemon through Redis, where every producer can write: signed, judged, and obeyed once."""

from __future__ import annotations

import hmac
import json
from dataclasses import asdict, dataclass
from typing import Final

LASTS: Final = 10_000_000
"""Microseconds of Redis's clock after which nobody obeys an act any more."""
PLAIN: Final = frozenset({"pause", "resume"})
"""What is obeyed without a secret; wishes to kill have a list of their own, as in Resque."""
COMMANDS: Final = PLAIN | {"drain", "scale", "reload"}
_LONGEST: Final = 4_096


@dataclass(frozen=True, slots=True)
class Act:
    """`workers` is what `scale` is to reach, else 0; `until` is in microseconds since 1970, by Redis's clock."""

    command: str
    workers: int
    life: str
    nonce: str
    until: int
    by: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an act is not obeyed; one that could not be read has no names."""

    why: str
    command: str = "act"
    nonce: str = ""
    by: str = "a web page"


def sealed(act: Act, secret: str | None) -> str:
    """The act as it is sent, signed where there is a secret."""
    return json.dumps({**asdict(act), "mac": "" if secret is None else _mac(act, secret)})


def _mac(act: Act, secret: str) -> str:
    text = json.dumps([act.command, act.workers, act.life, act.nonce, act.until, act.by])
    return hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()


def _read(raw: bytes) -> tuple[Act, str]:
    """An act and its signature. Errors: ValueError for what is none."""
    if len(raw) > _LONGEST:
        raise ValueError("too long")
    try:
        told = json.loads(raw)
        mac = told.pop("mac")
        act = Act(**told)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError("no act") from error
    texts = (act.command, act.life, act.nonce, act.by, mac)
    if not all(type(each) is str and each.isprintable() for each in texts) or not act.nonce:
        raise ValueError("no act")
    if type(act.workers) is not int or type(act.until) is not int:
        raise ValueError("no act")
    return act, mac


class Judge:
    """Says which acts this life of a daemon obeys. `most_workers` is the ceiling of `scale`.

    An act that is read from the list and put there again is known by its nonce; and one that an earlier process of
    this life may have obeyed by its time, since it was asked before this one first looked.
    """

    def __init__(self, *, life: str, secret: str | None, remote: bool, most_workers: int) -> None:
        self._life = life
        self._secret = secret
        self._remote = remote
        self._most_workers = most_workers
        self._since: int | None = None
        self._seen: dict[str, int] = {}

    def look(self, now: int) -> None:
        """It is so late, in microseconds since 1970 by Redis's clock; what is over is forgotten."""
        self._since = now if self._since is None else self._since
        if self._seen:
            self._seen = {nonce: until for nonce, until in self._seen.items() if until >= now}

    def judge(self, raw: bytes, now: int) -> Act | Refusal:
        """The act, where it is to be obeyed."""
        try:
            act, mac = _read(raw)
        except ValueError as error:
            return Refusal(f"it cannot be read: {error}")
        why = self._fault(act, mac) or self._too_late(act, now) or self._beyond(act)
        if why is not None:
            return Refusal(why, act.command[:40], act.nonce[:64], act.by[:80])
        self._seen[act.nonce] = act.until
        return act

    def _fault(self, act: Act, mac: str) -> str | None:
        if not self._remote:
            return "RESQD_REMOTE=off"
        if act.life != self._life:
            return "it is meant for another daemon"
        if act.command not in COMMANDS:
            return "there is no such act"
        if self._secret is not None:
            good = hmac.compare_digest(_mac(act, self._secret).encode(), mac.encode("utf-8", "replace"))
            return None if good else "it is not signed with this daemon's RESQD_SECRET"
        return (
            None if act.command in PLAIN else "without RESQD_SECRET web pages may pause, resume and kill only"
        )

    def _too_late(self, act: Act, now: int) -> str | None:
        if act.until < now:
            return f"it came {(now - act.until) / 1e6:.1f} s too late"
        if act.until > now + LASTS:
            return "its time lies ahead"
        if act.until - LASTS < (self._since or 0):
            return "it was asked before this housekeeper began; ask again"
        return "it was obeyed already" if act.nonce in self._seen else None

    def _beyond(self, act: Act) -> str | None:
        if act.command == "scale" and not 1 <= act.workers <= self._most_workers:
            return f"the number of workers must be from 1 to RESQD_REMOTE_SCALE={self._most_workers}"
        return None
