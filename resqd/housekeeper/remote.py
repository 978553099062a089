"""What web pages ask of this daemon: judged here, carried out by the master, answered in Redis."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Sequence

from resqd import events
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.redis.protocol import ServerError
from resqd.store.redis.protocol import judge as error_of
from resqd.store.resque.acts import Judge, Refusal
from resqd.wire.messages import ActAnswered, Message, RemoteAct

KEPT = 500
"""Answers that are kept, of all daemons."""
KEPT_FOR = 3_600
"""Seconds after the last one that they are kept."""


class Remote:
    """`answered` is called by the control thread, all else by the keeper's; only the deque lies between them."""

    def __init__(
        self,
        *,
        judge: Judge,
        link: Link,
        keys: Keys,
        daemon: str,
        say: Callable[[Message], None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._judge = judge
        self._link = link
        self._keys = keys
        self._daemon = daemon
        self._say = say
        self._wall = wall
        self._answers: deque[ActAnswered] = deque()

    def hear(self, acts: Sequence[bytes], now: int) -> None:
        """Judge what the heartbeat brought; `now` is Redis's time in microseconds since 1970, 0 for nothing."""
        if not now:
            return
        self._judge.look(now)
        for raw in acts:
            act = self._judge.judge(raw, now)
            if isinstance(act, Refusal):
                events.Housekeeper.act_refused(act=act.command, by=act.by, why=act.why)
                if act.nonce:
                    self.answered(ActAnswered(act.command, act.nonce, act.by, ok=False, said=act.why))
                continue
            by = f"{act.by or 'somebody'} by the web page"
            events.Housekeeper.act_passed(by=by, act=f"{act.command} {act.workers or ''}".strip())
            self._say(RemoteAct(act.command, act.workers, act.nonce, by))

    def answered(self, answer: ActAnswered) -> None:
        """Note what came of an act."""
        self._answers.append(answer)

    def tell(self) -> None:
        """Write the answers; may raise a StoreError, and is then called again."""
        while self._answers:
            answers = list(self._answers)
            key, texts = self._keys.act_answers, [self._text(each) for each in answers]
            commands = [("LPUSH", key, *texts), ("LTRIM", key, 0, KEPT - 1), ("EXPIRE", key, KEPT_FOR)]
            for reply in self._link.pipeline(commands):
                if isinstance(reply, ServerError):
                    raise error_of(reply)
            for _ in answers:
                self._answers.popleft()

    def _text(self, answer: ActAnswered) -> str:
        told = {
            "nonce": answer.nonce,
            "command": answer.command,
            "by": answer.by,
            "ok": answer.ok,
            "daemon": self._daemon,
        }
        return json.dumps({**told, "said": answer.said[:500], "at": round(self._wall(), 3)})
