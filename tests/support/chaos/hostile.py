"""Payloads that no honest producer writes, each with a number by which the books know it."""

import json
import random
import re

_MARK = re.compile(rb"chaos-(\d+)-")
_TICK = re.compile(rb'"id":"cron:Tick:(\d+)"')


def payload(number: int, choices: random.Random) -> bytes:
    """One of them; some run, and some can only fail."""
    mark = f"chaos-{number}-"
    jobs = [
        # These run, whatever their ids are.
        _nap([number, 0.0], id=f"{mark}\ud800"),
        _nap([number, 0.0], id=f"{mark}\x00\x1b[31m\n\u202e"),
        _nap([number, 0.0], id=mark + "x" * 70_000),
        _nap([number, 0.0], id=[mark, {}]),
        # These name no job that there is.
        {"class": f"{mark}\udfff", "args": [number]},
        {"class": f"{mark}::\n:|@#", "args": [], "id": 7},
        {"class": number, "args": [mark]},
        # These do not fit their job.
        _nap({"number": mark}, id=mark),
        _nap([number] * 40, id=mark),
    ]
    unreadable = [
        '{"class":"Nap","args":[%s',
        "\xff\xfe%s",
        '{"id":"%s","class":"Nap","args":' + "[" * 5_000,
        '{"id":"%s","class":"Nap","args":[NaN]}',
    ]
    texts = [json.dumps(job) for job in jobs] + [text % mark for text in unreadable]
    return choices.choice(texts).encode("latin-1")


def number_of(raw: bytes) -> int:
    """The number of any payload of a chaos run, or of an entry that holds one."""
    if mark := _MARK.search(raw) or _TICK.search(raw):
        return int(mark[1])
    return int(json.loads(raw[raw.index(b"{") :])["args"][0])


def _nap(args: object, **others: object) -> dict[str, object]:
    return {"class": "Nap", "args": args, **others}
