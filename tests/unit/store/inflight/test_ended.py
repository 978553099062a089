"""What has succeeded is remembered as runs of batches, whatever the order of the ends, and never more than that."""

import random

import pytest

from resqd.store.inflight import ended
from resqd.store.inflight.ended import Ended
from resqd.store.inflight.tokens import ranges_of


def test_it_knows_exactly_what_has_ended() -> None:
    """In any order and said twice; batches without an open job are kept as few numbers."""
    pick = random.Random(7)
    for _ in range(200):
        counts = {seq: pick.randint(1, 9) for seq in range(1, 12)}
        tokens = [seq << 16 | index for seq, count in counts.items() for index in range(count)]
        gone = set(pick.sample(tokens, pick.randint(0, len(tokens))))
        known, told = Ended(), [*gone, *pick.choices([*gone], k=5)] if gone else []
        for seq, count in counts.items():
            known.expect(seq, count)
        pick.shuffle(told)
        while told:
            part = [told.pop() for _ in range(min(len(told), pick.randint(1, 6)))]
            known.add(ranges_of(part))
        assert {token for token in tokens if token in known} == gone
        told_on = Ended.of_text(known.text())
        assert {token for token in tokens if token in told_on} == gone


def test_one_long_job_does_not_make_the_memory_grow() -> None:
    """All batches but the long job's are one run on either side of it."""
    known = Ended()
    for seq in range(1, 5_000):
        known.expect(seq, 2)
        known.add([(seq << 16 | (seq == 9), seq << 16 | 1)])
    assert len(known._open) == 1
    assert len(known._firsts) == 2
    assert (9 << 16 | 1) in known
    assert 9 << 16 not in known


def test_the_oldest_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every batch has a job that failed, as many as the limit are remembered; the forgotten did not end."""
    monkeypatch.setattr(ended, "MOST", 10)
    known = Ended()
    for seq in range(1, 31):
        known.expect(seq, 2)
        known.add([(seq << 16, seq << 16)])
    assert [seq for seq in range(1, 31) if seq << 16 in known] == list(range(21, 31))
    known.add([(1 << 16, 1 << 16)])
    assert 1 << 16 not in known


def test_its_text_is_short_and_forgets_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A life of whole batches is one word; where words are too many, the newest are told."""
    known = Ended()
    for seq in range(1, 1_000):
        known.expect(seq, 9)
        known.add([(seq << 16, seq << 16 | 8)])
    assert known.text() == "1-999"
    monkeypatch.setattr(ended, "TOLD", 30)
    for seq in range(2_000, 3_000, 2):
        known.expect(seq, 2)
        known.add([(seq << 16 | 1, seq << 16 | 1)])
    assert known.text() == "2998:2 2996:2 2994:2 2992:2"
    assert Ended().text() == ""
