"""Requests are read within bounds, and links hold names of any bytes."""

import io
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resqd.store.names import to_bytes, to_text
from resqd.web.http import HttpError, Response, link, plain_number, read_request


def environ(**more: Any) -> dict[str, Any]:
    """A request's environment."""
    return {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.input": io.BytesIO(), **more}


@given(st.binary())
def test_any_name_goes_through_a_link(name: bytes) -> None:
    """Whatever bytes a queue's name has, the page that the link leads to gets the same."""
    address = link("/queue", name=to_text(name))
    query = address.partition("?")[2]
    told = read_request(environ(QUERY_STRING=query)).query.get("name", [""])[-1]
    assert to_bytes(told) == name


def test_what_is_empty_is_left_out_of_a_link() -> None:
    """Filters that are not set stand in no address."""
    assert link("/failed", text="", since=None, at=0) == "/failed?at=0"


@pytest.mark.parametrize(
    ("text", "number"), [("7", 7), ("", 3), ("-1", 3), ("٣", 3), ("1e3", 3), ("9" * 400, 3)]
)
def test_numbers_are_plain_digits(text: str, number: int) -> None:
    """Anything else is the default."""
    assert plain_number(text, 3) == number


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"CONTENT_LENGTH": "300000"}, 413),
        ({"CONTENT_LENGTH": "no"}, 413),
        ({"CONTENT_TYPE": "text/plain"}, 415),
    ],
)
def test_a_form_that_is_none_is_refused(more: dict[str, str], status: int) -> None:
    """Before anything of it is read."""
    with pytest.raises(HttpError) as caught:
        read_request(environ(REQUEST_METHOD="POST", **more))
    assert caught.value.status == status


def test_text_that_cannot_be_encoded_is_shown_as_a_question_mark() -> None:
    """A lone surrogate from a payload ends no answer."""
    assert Response.html("a\ud800").body == b"a?"
    assert Response.see("/x").status is HTTPStatus.SEE_OTHER
