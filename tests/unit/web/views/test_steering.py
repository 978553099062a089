"""What is said of acts on daemons."""

from resqd.store.resque.remote import ActAnswer
from resqd.web.views.steering import ROWS, steering


def answer(nonce: str, *, ok: bool = True, said: str = "paused") -> ActAnswer:
    return ActAnswer("web1/resqd", nonce, "pause", "ada", ok, said, 1.0)


def said(*told: ActAnswer, number: int = 2) -> tuple[str, str] | None:
    return steering(told, asked="ab", number=number, signs=True).said


def test_who_asked_nothing_is_told_nothing() -> None:
    """Only the newest answers are listed."""
    found = steering([answer(f"cd-{at}") for at in range(50)], asked="", number=0, signs=False)
    assert (found.said, len(found.rows)) == (None, ROWS)


def test_an_act_waits_until_all_have_answered() -> None:
    """Others' answers do not count."""
    for told in ((), (answer("ab-0"), answer("cd-1"), answer("abc-1"))):
        found = said(*told)
        assert found is not None
        assert (found[0], f"{len(told) // 3} of 2" in found[1]) == ("waiting", True)
    assert said(answer("ab-0"), answer("ab-1")) == ("done", "Pause: done (paused).")


def test_a_refusal_is_said_with_its_reason() -> None:
    """At once, though others have not answered."""
    assert said(answer("ab-1", ok=False, said="RESQD_REMOTE=off")) == (
        "failed", "1 of 2 refused: RESQD_REMOTE=off.")  # fmt: skip
