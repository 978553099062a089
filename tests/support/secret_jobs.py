"""Jobs whose arguments and results are encrypted with the keys in KEYS, if there are some."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import resqd
import resqd.testing

keys = os.environ.get("KEYS")
app = resqd.App(keys=keys.split(",") if keys else None)
SECRET = "4000-0000-0000-0002"


def say(*words: object) -> None:
    """A line of the daemon's log that shows no secret."""
    sys.stdout.write(" ".join("CARD" if word == SECRET else str(word) for word in words) + "\n")
    sys.stdout.flush()


@app.job(
    name="pay", queue="q", keep_result=600, unique=resqd.Unique(), limits=[resqd.Concurrency(2, by="card")]
)
def pay(card: str, amount: int = 1) -> dict[str, Any]:
    """Its result shows the card."""
    job = resqd.current_job()
    say("paid", card, amount, "as", job.args[0] if job else None)
    return {"card": card}


@pay.before_perform
def check(card: str, amount: int = 1) -> None:
    """Hooks see what the job sees."""
    say("checked", card, amount)


@app.job(name="fail", queue="q", retry=resqd.Retry(1, first=0.05))
def fail(card: str) -> None:
    """Fails twice."""
    raise ValueError(len(card))


@fail.on_failure
def told(error: BaseException, card: str) -> None:
    """The last failure's hook."""
    say("failed", error, card)


@app.job(name="collect", queue="q")
def collect(first: dict[str, Any], rest: list[dict[str, Any]], note: str) -> None:
    """Takes what others have returned."""
    say("collected", first["card"], [each["card"] == SECRET for each in rest], note)


@app.job(name="alone", queue="q", isolate=True, keep_result=600)
def alone(card: str) -> list[str]:
    """In a process of its own."""
    job = resqd.current_job()
    say("alone", card, "as", job.args[0] if job else None)
    return [card]


@app.job(name="open", queue="q", encrypt=False)
def open_job(text: str) -> None:
    """One that Ruby may read."""
    say("open", text)


@app.job(name="card", queue="q")
async def card(number: str) -> str:
    """A part of a workflow, on a loop."""
    await asyncio.sleep(0)
    return number


@app.job(name="note", queue="q")
def note(number: str) -> None:
    """Takes what it is given by the job before."""
    say("noted", number)


@app.job(name="give", queue="q")
def give(number: str) -> dict[str, Any]:
    """A part of a workflow."""
    return {"card": number}
