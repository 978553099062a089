"""Jobs without Ruby: what has a name and no position travels as one trailing object."""

from typing import Any
from uuid import UUID

import pytest

import resqd
from resqd.app import App
from resqd.errors import JobDefinitionError
from resqd.job import Job

Seen = list[tuple[Any, ...]]


def _sending(app: App, seen: Seen) -> Job[..., None]:
    @app.job(ruby=False)
    def send(user: int, subject: str = "hi", *, urgent: bool, **headers: str) -> None:
        seen.append((user, subject, urgent, headers))

    return send


@pytest.mark.parametrize(
    ("args", "kwargs", "payload", "call"),
    [
        ((1,), {"urgent": True}, [1, {"urgent": True}], (1, "hi", True, {})),
        ((1, "a"), {"urgent": False, "x": "y"}, [1, "a", {"urgent": False, "x": "y"}], (1, "a", False, {"x": "y"})),
        ((), {"subject": "b", "user": 2, "urgent": True}, [2, "b", {"urgent": True}], (2, "b", True, {})),
    ],
)  # fmt: skip
def test_keywords_travel_as_one_trailing_object(
    args: tuple[Any, ...], kwargs: dict[str, Any], payload: list[Any], call: tuple[Any, ...]
) -> None:
    """And the job gets them as they were given, from its queue and when it is called directly."""
    app, seen = App(), Seen()
    send = _sending(app, seen)
    with resqd.testing.fake(app) as jobs:
        send.enqueue(*args, **kwargs)
        send.enqueue_to("low", *args, **kwargs)
        assert jobs.args_of(send) == [payload] * 2
        jobs.drain()
    send(*args, **kwargs)
    assert seen == [call] * 3


def test_what_does_not_fit_is_refused_where_it_is_enqueued() -> None:
    """A keyword-only parameter without a default must be given; in a batch, too."""
    send = _sending(App(), [])
    with pytest.raises(TypeError, match=r"send: missing a required .*argument: 'urgent'"):
        send.enqueue(1)
    with pytest.raises(TypeError, match="urgent"):
        send.enqueue_many([(1,)])
    with pytest.raises(TypeError, match="user"):
        send.enqueue(urgent=True)


def test_without_the_option_the_message_names_it() -> None:
    """Ruby's programs have positions only."""

    def send(*, urgent: bool) -> None: ...

    with pytest.raises(JobDefinitionError, match=r"urgent is keyword-only.* say ruby=False"):
        App().job(send)


def test_keywords_are_converted_as_well() -> None:
    """Together with `resqd.typed`."""
    app, seen = App(arguments=resqd.typed), Seen()

    @app.job(ruby=False)
    def send(*, user: UUID, **others: UUID) -> None:
        seen.append((user, others))

    with resqd.testing.fake(app) as jobs:
        send.enqueue(user=UUID(int=1), boss=UUID(int=2))
        assert jobs.args_of(send) == [[{"user": str(UUID(int=1)), "boss": str(UUID(int=2))}]]
        jobs.drain()
    assert seen == [(UUID(int=1), {"boss": UUID(int=2)})]
