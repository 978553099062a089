"""What a job's mask hides."""

import pytest

from resqd import App
from resqd.errors import JobDefinitionError
from resqd.web.data.masks import Masks


def masks_of(mask: object) -> Masks:
    """The masks of an application of one job, `pay(card, amount)`."""
    app = App("redis://unused")

    def pay(card: str, amount: int = 0) -> None: ...

    app.job(name="pay", mask=mask)(pay)  # type: ignore[call-overload] # the tests give wrong ones too
    return Masks(app.jobs)


def texts(masks: Masks, *args: object) -> list[str]:
    """What is shown of these arguments."""
    return [each.text for each in masks.arguments("pay", args)]


def test_named_parameters_are_hidden() -> None:
    """Their type is told, nothing else; what is given too much is shown as it is."""
    assert texts(masks_of(["card"]), "4111", 7, 8) == ["masked, str", "7", "8"]


def test_a_function_says_what_is_shown() -> None:
    """And searches see only what it left as it was."""
    masks = masks_of(lambda card, amount: [card[-4:], amount])
    assert texts(masks, "41111234", 7) == ['"1234"', "7"]
    assert masks.searched("pay", ["41111234", 7]) == "7"


@pytest.mark.parametrize("rule", [lambda card: [card], lambda *_: 1 / 0, lambda *_: None])
def test_a_function_that_fails_hides_everything(rule: object) -> None:
    """A payload from elsewhere may have other arguments than it expects."""
    assert texts(masks_of(rule), "4111", 7) == ["masked, str", "masked, int"]


def test_the_payload_of_a_masked_job_is_not_shown() -> None:
    """Since the arguments stand in it."""
    assert masks_of(["card"]).payload("pay", b"{}") is None
    assert masks_of(None).payload("pay", b"{}\xff\n") == "{}\ufffd\\n"
    assert Masks({}, hide_all=True).payload("other", b"{}") is None


@pytest.mark.parametrize("mask", ["card", ["cart"]])
def test_a_wrong_mask_is_refused_at_registration(mask: object) -> None:
    """A name that is misspelt would show what was meant to be hidden."""
    with pytest.raises(JobDefinitionError, match="mask"):
        masks_of(mask)


def test_what_travels_by_name_is_hidden_by_name() -> None:
    """In the trailing object of a job without Ruby: a hidden parameter, and what could be part of one."""
    app = App("redis://unused")

    def pay(card: dict[str, str], *, token: str, amount: int = 0, **extra: str) -> None: ...

    app.job(name="pay", ruby=False, mask=["card", "token", "extra"])(pay)
    masks = Masks(app.jobs)
    card, named = {"amount": "4111"}, {"token": "secret", "amount": 7, "pin": "12"}
    shown = '{"token": "masked, str", "amount": 7, "pin": "masked, str"}'
    assert [text.replace(" ", "") for text in texts(masks, card, named)] == [
        "masked,dict",
        shown.replace(" ", ""),
    ]
    assert "secret" not in masks.searched("pay", [card, named])
