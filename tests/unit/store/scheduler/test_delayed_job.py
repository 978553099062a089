"""A delayed job's bytes, and what of others' is understood."""

import pytest

from resqd.errors import PayloadError
from resqd.store.scheduler.delayed_job import DelayedJob, read, write


def test_the_bytes_are_rubys() -> None:
    """Class, arguments, queue in this order, no spaces, raw UTF-8."""
    raw = write("Archive", (7, {"branch": "é"}, None, 1e20), "mail")
    assert raw == '{"class":"Archive","args":[7,{"branch":"é"},null,1.0e+20],"queue":"mail"}'.encode()
    assert read(raw) == DelayedJob("Archive", [7, {"branch": "é"}, None, 1e20], "mail")


@pytest.mark.parametrize(
    ("raw", "job"),
    [
        (b'{"class":"A","args":[]}', DelayedJob("A", [], None)),
        (b'{"class":"A"}', DelayedJob("A", [], None)),
        (b'{"class":"A","args":{"num":1},"queue":"q"}', DelayedJob("A", [{"num": 1}], "q")),
        (b'{"class":"A","args":"x","queue":"q"}', DelayedJob("A", ["x"], "q")),
        (b'{"class":"A","args":[1],"queue":"q","custom_job_class":"B"}', DelayedJob("B", [1], "q")),
        (b'{"class":"A","custom_job_class":"Resque::Job"}', DelayedJob("A", [], None)),
    ],
)
def test_a_configuration_is_taken_apart_as_ruby_does(raw: bytes, job: DelayedJob) -> None:
    """Arguments need be no list, and a queue may be missing."""
    assert read(raw) == job


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"[]", b"{", b"{}"),
        *(b'{"class":1}', b'{"class":" "}'),
        *(b'{"class":"A","queue":7}', b'{"class":"A","queue":""}', b'{"class":"A","queue":"\\ud800"}'),
        b'{"class":"A","args":[NaN]}',
    ],
)
def test_what_is_no_job_says_so(raw: bytes) -> None:
    """By one error."""
    with pytest.raises(PayloadError):
        read(raw)
