"""The bare loop, the floor that the daemon is compared with: resqd's protocol with nothing around it.

Run as a program: `python -m tests.bench.bare URL NAMESPACE QUEUE NUMBER`. It says "ready", waits for a line,
and ends when the queue is empty.
"""

from __future__ import annotations

import json
import secrets
import sys

from resqd.store.inflight.incarnation import of_this_process, this_place
from resqd.store.inflight.owner import Inflight, Outbox, Want
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.redis.url import ConnectionConfig
from tests.bench.jobs import app

BATCH = 500


def main(url: str, namespace: str, queue: str, number: int) -> None:
    """Reserve, decode, call; the acknowledgements go with the next reserve."""
    incarnation = of_this_process(
        daemon="bench/bare", epoch=secrets.token_hex(4), fork=number, place=this_place()
    )
    inflight = Inflight(
        link=Link(ConnectionConfig.from_url(url)),
        keys=Keys(namespace),
        incarnation=incarnation,
        worker_id=f"bare:{number}",
    )
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    calls = {name: job.perform for name, job in app.jobs.items()}
    want, outbox = Want(BATCH, ((queue, 0),)), Outbox()
    while batch := inflight.exchange(outbox, want).batch:
        for token, _queue, raw in batch:
            payload = json.loads(raw)
            calls[payload["class"]](*payload["args"])
            outbox.done.append(token)
    inflight.close([])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
