"""What error replies mean."""

import pytest

from resqd.errors import Fenced, LoginRefused, StoreError, StoreRefused, StoreUnavailable
from resqd.store.redis.protocol import ServerError, judge


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("FENCED recovery took the jobs", Fenced),
        ("LOADING Redis is loading the dataset in memory", StoreUnavailable),
        ("BUSY Redis is busy running a script.", StoreUnavailable),
        (
            "READONLY You can't write against a read only replica. script: f, on @user_script:1.",
            StoreUnavailable,
        ),
        (
            "ERR Error running script (call to f_1): @user_script:5: -READONLY You can't write",
            StoreUnavailable,
        ),
        ("MISCONF Errors writing to the AOF file: No space left on device", StoreUnavailable),
        ("NOREPLICAS Not enough good replicas to write.", StoreUnavailable),
        ("MASTERDOWN Link with MASTER is down", StoreUnavailable),
        ("CLUSTERDOWN The cluster is down", StoreUnavailable),
        ("TRYAGAIN Multiple keys request during rehashing of slot", StoreUnavailable),
        ("MOVED 3999 127.0.0.1:6381", StoreUnavailable),
        ("ASK 3999 127.0.0.1:6381", StoreUnavailable),
        ("OOM command not allowed when used memory > 'maxmemory'.", StoreUnavailable),
        ("ERR max number of clients reached", StoreUnavailable),
        ("NOAUTH Authentication required.", LoginRefused),
        ("WRONGPASS invalid username-password pair or user is disabled.", LoginRefused),
        ("NOPERM User w has no permissions to run the 'lpop' command", StoreRefused),
        ("ERR ACL failure in script: User w has no permissions to run the 'hset' command", StoreRefused),
        ("ERR The user executing the script can't run this command or subcommand script: f", StoreRefused),
        ("ERR DB index is out of range", LoginRefused),
        ("ERR unknown command 'EVALSHA'", StoreRefused),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", StoreError),
        ("", StoreError),
    ],
)
def test_a_reply_is_later_or_needs_a_person_or_plainly_wrong(line: str, error: type[StoreError]) -> None:
    """Each code of the server has its meaning, also inside the text of a script's error."""
    assert type(judge(ServerError(line))) is error


def test_the_message_is_one_short_line() -> None:
    """However long and broken what the server says is."""
    message = str(judge(ServerError("ERR first\nsecond " + "x" * 5_000)))
    assert "second" not in message
    assert len(str(judge(ServerError("ERR " + "x" * 5_000)))) < 400
