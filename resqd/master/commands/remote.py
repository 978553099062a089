"""Commands that web pages ask for: the housekeeper has judged them, and passes on the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from resqd.master.commands.server import Request
from resqd.master.fleet import Fleet
from resqd.wire.messages import ActAnswered, RemoteAct
from resqd.wire.requests import Call

_DONE: Final = {"reload": "reloads: the new code was imported"}


def request(fleet: Fleet, act: RemoteAct) -> Request:
    """The act as a call like resqctl's, whose reply goes to the housekeeper that is there by then."""
    arguments: dict[str, str | int] = {"to": act.workers} if act.command == "scale" else {}

    def reply(answer: Mapping[str, Any]) -> None:
        answered = ActAnswered(act.command, act.nonce, act.by, bool(answer["ok"]), said(act, answer))
        for child in fleet.children:
            if child.serving:
                child.channel.send(answered)

    return Request(Call(act.command, arguments), by=act.by, reply=reply)


def said(act: RemoteAct, answer: Mapping[str, Any]) -> str:
    """A reply in words."""
    if not answer["ok"]:
        return str(answer["error"])
    if "workers" in answer:
        return f"{answer['workers']} workers"
    return str(answer.get("state") or _DONE.get(act.command, "done"))
