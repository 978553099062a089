"""The entries of an application's code."""

import pytest

from resqd.cron.declared import Declared
from resqd.cron.entry import Entry
from resqd.cron.schedule import Every
from resqd.errors import JobDefinitionError


def test_a_name_is_declared_once() -> None:
    """The same entry again is fine, as when a module is imported twice; another one is refused."""
    declared = Declared()
    declared.add(Entry("a", Every(60), "A", "q"))
    declared.add(Entry("a", Every(60), "A", "q"))
    with pytest.raises(JobDefinitionError, match=r"named 'a' already \(every 1m\); give one of them name="):
        declared.add(Entry("a", Every(90), "A", "q"))
    assert [entry.name for entry in declared] == ["a"]
    assert Entry.from_json("a", declared.texts("shop")["a"]).app == "shop"
