"""The words of the log stand in `resqd/events/`; whoever emits an event gives exactly the facts of its words."""

import ast
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from resqd import events
from resqd.events import Event, event

PACKAGE = Path(events.__file__).parents[1]
SOURCES = {str(path.relative_to(PACKAGE)): ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
LOGGING = {"events/event.py", "log.py", "prints.py", "contrib/django/daemon.py"}
"""The rooms that may know Python's logging; prints are the jobs' words, the last only keeps what Django disables."""
OPEN: set[str] = set()
"""Folders and rooms where somebody still logs in words of its own; none in the end."""

KNOWN: dict[str, Event] = {
    f"{owner.__name__}.{name}": value
    for owner in vars(events).values()
    if isinstance(owner, type) and owner.__module__.startswith(f"{events.__name__}.")
    for name, value in vars(owner).items()
    if isinstance(value, Event)
}


def event_named(node: ast.AST) -> str | None:
    """Master.scaled for the expression `events.Master.scaled`."""
    text = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
    found = re.fullmatch(r"events\.([A-Z]\w*\.\w+)", text)
    return found[1] if found else None


def emitted() -> Iterator[tuple[str, str, ast.Call | None]]:
    """Each mention of an event in the code: where, its name, and the call where it is one."""
    for path, tree in SOURCES.items():
        calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            if (name := event_named(node)) is not None:
                yield f"{path}:{getattr(node, 'lineno', 0)}", name, calls.get(id(node))


def facts_of(words: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)", words))


def test_only_events_that_exist_are_emitted() -> None:
    """A misspelt one would be found by whom it is to warn."""
    assert [f"{where}: {name}" for where, name, _ in emitted() if name not in KNOWN] == []


def test_each_emit_gives_the_facts_of_the_words() -> None:
    """By name, all of them and no more."""
    wrong = []
    for where, name, call in emitted():
        if call is None or name not in KNOWN:
            continue
        given = {keyword.arg for keyword in call.keywords} - {"exc"}
        if call.args or given != facts_of(KNOWN[name].words):
            wrong.append(f"{where}: {ast.unparse(call)} for {KNOWN[name].words!r}")
    assert wrong == []


def test_no_event_stands_there_for_nothing() -> None:
    """Each is emitted somewhere."""
    assert set(KNOWN) - {name for _, name, _ in emitted()} == set()


@pytest.mark.parametrize("name", KNOWN)
def test_words_can_be_put_together(name: str) -> None:
    """Every `%` in them is a fact's, or doubled."""
    event = KNOWN[name]
    rest = re.sub(r"%\(\w+\)(?:s|r|d|\.?\d*[fg])|%%", "", event.words)
    assert "%" not in rest
    assert "%%" not in event.words or facts_of(event.words), "without facts logging leaves %% as it is"
    assert event.level in {logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR}


def test_nobody_else_logs() -> None:
    """So that log, metrics and pages hear of the same events."""
    others = set()
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node) == "logging.getLogger":
                others.add(path)
    assert {path for path in others - LOGGING if path.partition("/")[0] not in OPEN} == set()


def test_a_listener_hears_what_the_log_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts or shows events whatever level the log has."""

    class Store:
        quiet = Event(logging.DEBUG, "%(count)d")

    heard: list[tuple[str, Mapping[str, object]]] = []
    monkeypatch.setattr(event, "_listeners", [])
    events.listen(lambda name, facts: heard.append((name, facts)))
    Store.quiet(count=3)
    assert heard == [("store.quiet", {"count": 3})]
