"""The locks' names, as resque-loner 1.3.0 and resque_solo 0.5.0 were seen to make them."""

import json
from typing import Any

import pytest

from resqd.store.resque.plugin_locks import PluginLocks, digest

RUBY_DIGESTS: list[tuple[list[Any], bytes]] = [
    ([], b"ae7f5f892a73ef6160b09b6a9498bc1d"),
    ([1, "é", None, 1e20, {"b": [1, {"z": 1, "a": 2}], "a": "x"}], b"0e34ab94db09bd3596e0b9e7d927404a"),
    ([{}], b"37514475c72c53c3ad395340aa898c3f"),
    ([[{"b": 1, "a": 2}]], b"dd06fbc103ff36fe68237193ccbd0432"),
]


@pytest.mark.parametrize(("args", "expected"), RUBY_DIGESTS)
def test_the_digest_is_rubys(args: list[Any], expected: bytes) -> None:
    """Objects among the arguments are sorted by their keys, those inside of them are not; other keys do not count."""
    raw = json.dumps({"class": "U", "args": args, "id": "7"}).encode()
    assert digest(raw) == expected


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"{}", b'{"class":1,"args":[]}', b'{"class":"U"}', b'{"class":"U","args":["\\ud800"]}'],
)
def test_what_ruby_would_make_nothing_of_has_none(raw: bytes) -> None:
    """And ends nothing."""
    assert digest(raw) is None


def test_both_plugins_locks_are_named() -> None:
    """A job that was charged had begun before, so its lock went then: it may be another job's now."""
    raw = b'{"class":"U","args":[]}'
    charged = b'{"deliveries":1,"class":"U","args":[]}'
    expected = RUBY_DIGESTS[0][1]
    assert PluginLocks("resque")(b"mail", [charged, raw, b"{"]) == [
        b"resque:loners:queue:mail:job:" + expected,
        b"resque:solo:queue:mail:job:" + expected,
    ]
