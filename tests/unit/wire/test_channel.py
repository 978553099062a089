"""The control channel: what it refuses, and that a message is no reason for its sender to end."""

import socket

import pytest

from resqd.wire.channel import Channel
from resqd.wire.messages import Exiting, Settled


def test_what_cannot_be_sent_is_left_out_with_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """A number that no frame can hold, a text that is too long: refused, said, and the channel goes on."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender, receiver = Channel(ours), Channel(theirs)
        with caplog.at_level("ERROR"):
            assert not sender.send(Settled((1 << 70,)))
            assert not sender.send(Exiting("x" * (1 << 20)))
        assert len(caplog.records) == 2
        assert not sender.pending
        assert sender.send(Exiting("\ud800 \udcff"))
        assert receiver.receive() == [Exiting("\ud800 \udcff")]
