"""The rights that are asked for are those that the scripts use, and the manual names them all."""

import re
from pathlib import Path

import resqd
from resqd.store.redis.rights import complaint

ROOM = Path(resqd.__file__).parent
PROBE = (ROOM / "store/redis/rights.lua").read_text()


def test_every_command_of_a_script_is_tried() -> None:
    """A new script's command that nobody tries would be missed in silence."""
    used = {
        name
        for script in ROOM.rglob("*.lua")
        for name in re.findall(r"redis\.p?call\('([A-Z]+)'", script.read_text())
    }
    assert used > {"HSET", "INCRBY"}
    assert used <= set(re.findall(r"'([A-Z]{3,})'", PROBE))


def test_the_manual_names_every_command_that_is_tried() -> None:
    """Whoever copies its line is warned of nothing."""
    manual = (ROOM / "manual/operating.md").read_text()
    tried = {name.lower() for name in re.findall(r"'([A-Z]{3,})'", PROBE)} - {"noperm", "left", "acl"}
    assert tried <= set(re.findall(r"\+([a-z]+)", manual))


def test_the_complaint_names_the_remedy() -> None:
    """As it is typed."""
    assert complaint(["incrby", "lpush"]) == (
        "Redis does not let this user run INCRBY, LPUSH, which loses counts or jobs: add +incrby +lpush to its ACL"
    )
