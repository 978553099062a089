"""`resqd retries`, and the counts in `resqd info`, as people and scripts use them."""

import json
import subprocess
import sys

import redis

from resqd.store.later.later import When
from resqd.store.resque.store import Store


def test_failed_jobs_are_shown_with_their_last_errors(redis_url: str, redis_client: redis.Redis) -> None:
    """Those only that have been tried, by queue and class; what is kept of their tries may be gone, or be broken."""

    def resqd(*words: str) -> str:
        command = [sys.executable, "-m", "resqd", *words, "--redis-url", redis_url]
        return subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        ).stdout

    assert "no failed job waits" in resqd("retries")
    store = Store.of(url=redis_url, namespace="resque")
    for number, head in enumerate(("", '"attempts":2,', '"deliveries":1,"attempts":1,')):
        raw = f'{{{head}"class":"A","args":[{number}],"id":"i{number}"}}'.encode()
        store.schedule.put("mail", [(f"i{number}", raw)], When.after(630 + number))
    kept = [{"exception": "OSError", "error": "away"}, {"exception": "ValueError", "error": "no luck"}]
    redis_client.hset("resque:resqd:later:attempts", "i1", json.dumps(kept))
    redis_client.hset("resque:resqd:later:attempts", "i2", "broken")
    redis_client.set("resque:stat:retried", 3)
    first, second = json.loads(resqd("retries", "--json"))
    assert (first["ticket"], first["tries"], first["attempts"]) == ("i1", 2, kept)
    assert (second["ticket"], second["tries"], second["attempts"]) == ("i2", 1, [])
    shown = resqd("retries", "--class", "A", "--queue", "mail")
    assert "ValueError: no luck" in shown
    assert "10m" in shown
    assert "no failed job waits" in resqd("retries", "--class", "B")
    info = json.loads(resqd("info", "--json"))
    assert (info["retried"], info["timeout"]) == (3, 0)
