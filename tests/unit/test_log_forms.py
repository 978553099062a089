"""What stands in a log line, whatever it holds."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resqd.log_forms import LINE_BYTES, JsonFormatter, TextFormatter


@given(
    message=st.text(max_size=6_000),
    trace=st.text(max_size=6_000),
    facts=st.dictionaries(st.text(), st.text()),
)
def test_a_record_is_never_longer_than_a_pipe_takes_whole(
    message: str, trace: str, facts: dict[str, str]
) -> None:
    """In either form, with a traceback and facts of any length; JSON stays one object on one line."""
    about = {"name": "resqd", "msg": message, "args": None, "event": "a.b", "facts": facts, "created": 0.0}
    record = logging.makeLogRecord({**about, "exc_info": (ValueError, ValueError(trace), None)})
    text = TextFormatter("worker 0").format(record)
    assert len(text.encode("utf-8", "backslashreplace")) <= LINE_BYTES
    line = JsonFormatter("worker 0").format(record)
    assert len(line.encode()) <= LINE_BYTES
    assert line.count("\n") == 1
    assert set(json.loads(line)) >= {"message", "traceback", "event"}


@pytest.mark.parametrize("formatter", [TextFormatter("master"), JsonFormatter("master")])
def test_outside_of_a_job_none_is_named(formatter: logging.Formatter) -> None:
    """As in the master."""
    line = formatter.format(logging.makeLogRecord({"name": "shop", "msg": "ready"}))
    assert "ready" in line
    assert "class" not in line
