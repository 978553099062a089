"""Log lines: one an event, nothing forged, nothing blocked, losses owned up to."""

import contextlib
import json
import logging
import os
import pty
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from resqd import log
from resqd.events import Event
from resqd.log import LineHandler
from resqd.log_forms import LINE_BYTES


@pytest.fixture(autouse=True)
def _loggers_as_they_were() -> Iterator[None]:
    loggers = (logging.getLogger("resqd"), logging.getLogger())
    before = [(one, list(one.handlers), one.level, one.propagate) for one in loggers]
    yield
    for one, handlers, level, propagate in before:
        for handler in one.handlers:
            if isinstance(handler, LineHandler):
                handler.line.close()
        one.handlers, one.propagate = handlers, propagate
        one.setLevel(level)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A reader that never blocks, and a writer."""
    ends = reader, _ = os.pipe()
    os.set_blocking(reader, False)
    made = {end: os.fstat(end) for end in ends}
    yield ends
    for end, status in made.items():
        with contextlib.suppress(OSError):  # a test closed it; and then its number may be another's
            if os.path.samestat(os.fstat(end), status):
                os.close(end)


def logger_to(descriptor: int, *, form: str = "text", role: str = "worker 2") -> logging.Logger:
    log.configure(level="info", format=form, role=role, descriptor=descriptor)
    return logging.getLogger("resqd.test")


def read_all(reader: int) -> list[str]:
    data = b""
    with contextlib.suppress(BlockingIOError):
        while True:
            data += os.read(reader, 65536)
    return data.decode().splitlines()


def lost() -> int:
    (handler,) = logging.getLogger("resqd").handlers
    assert isinstance(handler, LineHandler)
    return handler.lost


def test_a_line_has_time_level_role_and_pid(pipe: tuple[int, int]) -> None:
    """The text form is one line with all four, and the message after them."""
    logger_to(pipe[1]).info("took %d jobs", 3)
    time, rest = os.read(pipe[0], 4096).decode().split(" ", 1)
    assert rest == f"INFO worker 2 [{os.getpid()}] took 3 jobs\n"
    assert len(time) == len("2030-01-31T12:00:00.000Z")


def test_json_lines_hold_the_same_fields(pipe: tuple[int, int]) -> None:
    """Each line is one object, whatever the message holds."""
    logger_to(pipe[1], form="json").warning("a\nb")
    entry = json.loads(os.read(pipe[0], 4096))
    assert (entry["level"], entry["role"], entry["pid"]) == ("warning", "worker 2", os.getpid())
    assert (entry["logger"], entry["message"]) == ("resqd.test", "a\nb")


class Master:
    scaled = Event(logging.INFO, "scaling from %(before)s to %(after)s")


told = Master.scaled


def test_json_lines_carry_an_event_and_its_facts(pipe: tuple[int, int]) -> None:
    """So that nobody has to read them out of the words; a text line has the words alone."""
    logger_to(pipe[1], form="json")
    told(before=2, after=[3])
    entry = json.loads(os.read(pipe[0], 4096))
    assert entry["message"] == "scaling from 2 to [3]"
    assert (entry["event"], entry["facts"]) == ("master.scaled", {"before": 2, "after": "[3]"})
    logger_to(pipe[1])
    told(before=2, after=3)
    assert os.read(pipe[0], 4096).endswith(b"] scaling from 2 to 3\n")


@pytest.mark.parametrize(
    "value",
    ["\ud800" * 9000, "\0" * 9000, "é" * 9000, float("nan"), 10**400, b"\xff", {1: 2}, None],
    ids=["surrogates", "nulls", "letters", "nan", "a long number", "bytes", "a mapping", "none"],
)
def test_facts_are_json_and_never_too_long_for_a_line(pipe: tuple[int, int], value: object) -> None:
    """Whatever they are: numbers that JSON has stay numbers, and all else is told as short text."""
    logger_to(pipe[1], form="json")
    told(before=value, after=1)
    line = os.read(pipe[0], 65536)
    assert len(line) <= LINE_BYTES
    entry = json.loads(line, parse_constant=pytest.fail)
    assert entry["facts"]["after"] == 1
    assert len(str(entry["facts"]["before"])) <= 128


def test_a_fact_that_cannot_be_told_costs_its_line_the_facts(pipe: tuple[int, int]) -> None:
    """A job's own object may raise when it is to become text."""

    class Mute:
        def __str__(self) -> str:
            raise ValueError

    logger_to(pipe[1], form="json")
    told(before=Mute(), after=1)
    entry = json.loads(os.read(pipe[0], 4096))
    assert "could not be formatted: ValueError" in entry["message"]
    assert "facts" not in entry


def test_an_application_may_call_its_own_extras_event_and_facts(pipe: tuple[int, int]) -> None:
    """They are not taken for ours."""
    logger_to(pipe[1], form="json").warning("x", extra={"event": "mine", "facts": {"a": 1}})
    assert "event" not in json.loads(os.read(pipe[0], 4096))


def test_no_value_can_forge_a_line_or_steer_a_terminal(pipe: tuple[int, int]) -> None:
    """Newlines, escapes, other line separators, direction marks and stray bytes are written as escapes."""
    logger_to(pipe[1]).info("queue %s", "a\nb\x1b[31m\u2028\u202e\udcff")
    line = os.read(pipe[0], 4096).decode()
    assert line.endswith("queue a\\nb\\x1b[31m\\u2028\\u202e\\udcff\n")
    assert line[:-1].isprintable()


def fail(text: str) -> None:
    raise ValueError(text)


def fail_with_a_forged_line(logger: logging.Logger) -> None:
    try:
        fail("why\n2030-01-31T12:00:00.000Z INFO forged \x1b[31m")
    except ValueError:
        logger.exception("failed")


def test_a_traceback_follows_in_indented_lines_of_one_record(pipe: tuple[int, int]) -> None:
    """So a person can read it, and no line of it can be taken for a record."""
    fail_with_a_forged_line(logger_to(pipe[1]))
    first, *others = os.read(pipe[0], LINE_BYTES).decode().splitlines()
    assert first.endswith("] failed")
    assert others[0] == "    Traceback (most recent call last):"
    assert all(line.startswith("    ") and line.isprintable() for line in others)
    assert others[-1] == "    2030-01-31T12:00:00.000Z INFO forged \\x1b[31m"


def test_in_json_a_traceback_is_a_field(pipe: tuple[int, int]) -> None:
    """One object, however long the traceback is."""
    logger = logger_to(pipe[1], form="json")
    fail_with_a_forged_line(logger)
    entry = json.loads(os.read(pipe[0], 65536))
    assert entry["message"] == "failed"
    assert entry["traceback"].startswith("Traceback (most recent call last):\n")
    try:
        fail("\0" * 9000 + "end")
    except ValueError:
        logger.exception("x" * 900)
    line = os.read(pipe[0], 65536)
    assert len(line) <= LINE_BYTES
    entry = json.loads(line)
    assert (entry["message"], entry["traceback"][-3:]) == ("x" * 900, "end")


def test_lines_of_the_application_name_the_job(pipe: tuple[int, int]) -> None:
    """Its class and id; resqd's own lines do in their words. JSON has them as fields, in all lines."""
    about = {"job": "1f0c", "class": "Archive", "queue": "mail"}
    application = logging.getLogger("shop")
    for form in ("text", "json"):
        log.configure(level="info", format=form, role="master", descriptor=pipe[1])
        logging.getLogger().handlers[:] = []
        log.take_role("worker 0", lambda: about)
        application.info("charged")
        logging.getLogger("resqd").info("own")
    shop, own, *objects = read_all(pipe[0])
    assert shop.endswith("] Archive 1f0c: charged")
    assert own.endswith("] own")
    for line in objects:
        assert {name: json.loads(line)[name] for name in about} == about


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("text", ["x" * 9000 + "end", "\0" * 9000 + "end", "é" * 9000 + "end"])
def test_a_long_line_is_cut_in_its_middle(pipe: tuple[int, int], form: str, text: str) -> None:
    """No line is longer than a pipe takes whole; beginning and end stay."""
    logger_to(pipe[1], form=form).info("%s", text)
    line = os.read(pipe[0], 65536)
    assert len(line) <= LINE_BYTES
    assert line.count(b"\n") == 1
    shown = json.loads(line)["message"] if form == "json" else line.decode()[:-1]
    assert shown.endswith("end")
    assert "left out" in shown


def test_a_full_pipe_loses_lines_at_once_and_says_so_later(pipe: tuple[int, int]) -> None:
    """With nobody reading, logging returns; when somebody reads again, a line says how many were lost."""
    logger = logger_to(pipe[1])
    for _ in range(200):
        logger.info("sent " + "x" * 1000)
    lines = read_all(pipe[0])
    logger.info("back")
    lines += read_all(pipe[0])
    owned_up = [int(found[1]) for line in lines if (found := re.search("([0-9]+) log lines were lost", line))]
    assert owned_up
    assert sum(owned_up) + sum("sent" in line for line in lines) == 200
    assert lines[-1].endswith("back")
    assert lost() == 0


def test_shared_stdout_is_never_made_non_blocking(pipe: tuple[int, int]) -> None:
    """O_NONBLOCK belongs to the description, which other processes share; ours is another."""
    logger_to(pipe[1]).info("x")
    assert os.get_blocking(pipe[1])


def test_a_terminal_that_is_stopped_does_not_stop_us() -> None:
    """A terminal that nobody reads fills up, and logging goes on."""
    ours, theirs = pty.openpty()
    logger = logger_to(theirs)
    while not lost():
        logger.info("x" * 1000)
    assert os.get_blocking(theirs)
    os.close(ours)
    os.close(theirs)


def test_a_full_socket_loses_lines_at_once() -> None:
    """A service's stdout is a socket to the journal: it is written without waiting, and stays as it was."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        logger = logger_to(theirs.fileno())
        while not lost():
            logger.info("x" * 1000)
        assert theirs.getblocking()


def test_closed_and_full_outputs_raise_nothing(pipe: tuple[int, int]) -> None:
    """No reader, a closed descriptor, a full disk: each line is counted as lost, and that is all."""
    logger = logger_to(pipe[1])
    os.close(pipe[0])
    logger.info("no reader")
    assert lost() == 1
    os.close(pipe[1])
    logger = logger_to(pipe[1])
    logger.info("closed")
    assert lost() == 1
    with Path("/dev/full").open("wb") as full:
        logger = logger_to(full.fileno())
        logger.info("no space")
        assert lost() == 1


def test_configuring_again_changes_the_role_and_leaks_nothing(pipe: tuple[int, int]) -> None:
    """After a fork the child's role stands in every line; the old descriptor is closed."""
    before = len(os.listdir("/proc/self/fd"))
    for role in ("master", "worker 1", "housekeeper"):
        logger_to(pipe[1], role=role).info("x")
    assert len(os.listdir("/proc/self/fd")) == before + 1
    lines = os.read(pipe[0], 4096).decode().splitlines()
    assert [line.split(" [")[0].split(" ", 2)[2] for line in lines] == ["master", "worker 1", "housekeeper"]


def test_a_number_that_became_anothers_is_not_closed(pipe: tuple[int, int], tmp_path: Path) -> None:
    """A fork's clean-up may have closed our descriptor, and a socket may have its number by now."""
    logger_to(pipe[1])
    (handler,) = logging.getLogger("resqd").handlers
    assert isinstance(handler, LineHandler)
    number = handler.line._descriptor
    with (tmp_path / "other").open("wb") as other:
        os.dup2(other.fileno(), number)
    logger_to(pipe[1])
    os.fstat(number)
    os.close(number)


def test_arguments_that_cannot_be_formatted_do_not_stop_the_caller(pipe: tuple[int, int]) -> None:
    """A log call with wrong arguments, or an object that cannot be printed, gives a line that says so."""

    class Unprintable:
        def __str__(self) -> str:
            raise RuntimeError("no")

    logger = logger_to(pipe[1])
    logger.info("%d jobs", "three")
    logger.info("%s", Unprintable())
    lines = os.read(pipe[0], 4096).decode().splitlines()
    assert [("TypeError" in lines[0]), ("RuntimeError" in lines[1])] == [True, True]


def test_loggers_that_the_application_switched_off_are_on_again(pipe: tuple[int, int]) -> None:
    """logging.config disables loggers that were there before; configuring in a child undoes that for ours."""
    logger = logger_to(pipe[1])
    logger.disabled = True
    logger_to(pipe[1]).info("on")
    assert os.read(pipe[0], 4096).endswith(b"on\n")


def test_the_applications_loggers_end_here_unless_it_set_up_its_own(pipe: tuple[int, int]) -> None:
    """In a child the root logger gets our handler when it has none; in the master it is left alone."""
    root = logging.getLogger()
    root.handlers = []
    logger_to(pipe[1], role="master")
    assert root.handlers == []
    logger_to(pipe[1], role="worker 1")
    logging.getLogger("shop.mail").warning("from the application")
    assert b"worker 1" in os.read(pipe[0], 4096)
    root.handlers = [logging.NullHandler()]
    logger_to(pipe[1], role="worker 1")
    assert [type(one) for one in root.handlers] == [logging.NullHandler]
