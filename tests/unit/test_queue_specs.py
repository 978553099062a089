"""The entries of QUEUES: caps, and weights where the order is weighted."""

import pytest

from resqd.queue_specs import QueueSpec, ends_like_a_weight, queues, to_weigh, with_weights, without_weights


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ("critical*5,mail*2,low", [QueueSpec("critical", weight=5), QueueSpec("mail", weight=2), QueueSpec("low")]),
        ("mail*2:4,a*3:50%", [QueueSpec("mail", 4, weight=2), QueueSpec("a", None, 50, weight=3)]),
        ("tenant.**3,**2", [QueueSpec("tenant.*", weight=3), QueueSpec("*", weight=2)]),
        ("*,*5,a*b", [QueueSpec("*"), QueueSpec("*5"), QueueSpec("a*b")]),
    ],
)  # fmt: skip
def test_weights_stand_after_names_and_before_caps(text: str, specs: list[QueueSpec]) -> None:
    """What an entry is written as is what it is read from; `*5` alone has no name, so it is a glob."""
    found = with_weights(to_weigh(text))
    assert list(found) == specs
    assert ",".join(map(str, found)) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a*0", "from 1 to 1000"),
        ("a*1001", "from 1 to 1000"),
        ("a*99999999999999999999", "from 1 to 1000"),
        ("a*2,a", "a stands there twice"),
        ("a.**2:4", "a glob cannot have a cap"),
    ],
)
def test_impossible_weights_are_refused(text: str, words: str) -> None:
    """With what would be right."""
    with pytest.raises(ValueError, match=words):
        with_weights(to_weigh(text))


def test_without_weights_they_are_globs() -> None:
    """As always in strict order; a cap at one tells what may have been meant."""
    assert queues("critical*5") == (QueueSpec("critical*5"),)
    with pytest.raises(ValueError, match=r"name the queue; NAME.WEIGHT:CAP needs RESQD_ORDER"):
        without_weights(to_weigh("critical*5:4"))


@pytest.mark.parametrize(("pattern", "it_does"), [("a*5", True), ("**5", True), ("*5", False), ("a*", False)])
def test_what_ends_like_a_weight(pattern: str, it_does: bool) -> None:
    """A name, an asterisk, a number."""
    assert ends_like_a_weight(pattern) is it_does
