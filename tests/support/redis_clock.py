"""A clock that tests set, in place of Redis's own, in the very scripts that production runs.

The scripts take the moment from one function, in `store/clock.lua`. Here their sources are made with another one,
which reads a key. Production code has no argument, key or setting by which it could do the same.
"""

from importlib.resources import files
from types import ModuleType

import pytest
import redis

from resqd.store.redis.protocol import Script

KEY = "test:clock"
_THEIRS = files("resqd.store").joinpath("clock.lua").read_text("utf-8")
_OURS = f"local function now() return tonumber(redis.call('GET', '{KEY}')) end\n"


class RedisClock:
    """Moments are in seconds since 1970; `now` is what the scripts of the modules that were given see."""

    def __init__(self, client: redis.Redis, monkeypatch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
        self._client = client
        for module in modules:
            for name, value in vars(module).items():
                if isinstance(value, Script) and _THEIRS in value.source:
                    monkeypatch.setattr(module, name, _with_our_clock(value))
        self.now = 1_000_000.0

    @property
    def now(self) -> float:
        """The moment."""
        return self._now

    @now.setter
    def now(self, now: float) -> None:
        self._now = now
        self._client.set(KEY, f"{round(now * 1_000_000)}")


def _with_our_clock(script: Script) -> Script:
    source = script.source.replace(_THEIRS, _OURS)
    return Script.of(script.name, source)
