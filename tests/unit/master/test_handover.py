"""What a reload carries over: every fact, and every byte that was on its way."""

import os
import socket
from dataclasses import fields

import pytest
from click.testing import CliRunner

from resqd.cli.resqd import main
from resqd.master.child import Child
from resqd.master.fleet import Snapshot
from resqd.master.handover import FORMAT, FORMAT_VARIABLE, Handover, load, refuse_other, save
from resqd.wire.birth import LAYOUT, Page
from resqd.wire.channel import Channel
from resqd.wire.intent import Intent
from resqd.wire.messages import Death, Exiting, Farewell, Message, Pong
from tests.support.family import child


def test_the_handover_is_read_as_it_was_written() -> None:
    """Through the memfd that survives the exec."""
    written = Handover(
        epoch="e",
        lock=3,
        socket_file=(5, 2**40, 2**60),
        listener=4,
        bell=(5, 6, 7),
        held=(8,),
        fleet=Snapshot(
            forks=7,
            started=1.5,
            commanded="paused",
            last_exits={0: "worker 0 (pid 5) ended: recycled"},
            redis=("ok", 2.5),
            suspects=3,
            worker_count=4,
            past=(10, 2),
            deaths=(Death(1, 2, (3,), (), True, False, "was killed by SIGKILL"),),
            farewells=((1.25, Farewell(6, "1-3", (4, 5))),),
            children=(),
        ),
    )
    assert load(save(written)) == written


def test_messages_under_way_outlive_the_exec() -> None:
    """Half of a message received, half of one unsent: the next program's channel goes on in the middle."""
    ours, theirs = socket.socketpair()
    peer = Channel(theirs)
    frames = bytearray()
    parrot, ear = socket.socketpair()
    Channel(parrot).send(Exiting("recycled"))
    frames += ear.recv(1000)
    parrot.close()
    ear.close()
    theirs.send(frames[:4])
    before = child(
        1, channel=Channel(ours), page=Page(2), told=Intent.DRAINING, retiring_since=2.0, leave_by=9.0
    )
    before.page.cells[1] = 77
    assert before.receive() == []
    sent = 0
    while not before.channel.pending:
        before.channel.send(Pong())
        sent += 1
    facts = before.snapshot()
    channel, page = os.dup(facts["channel"]), os.dup(facts["page"])
    before.channel.close()
    before.page.close()
    after = Child.restore({**facts, "channel": channel, "page": page}, 5.0)
    assert after.identity.outdated
    assert after.demands == before.demands
    assert after.page.running() == (77,)
    theirs.send(frames[4:])
    assert after.receive() == [Exiting("recycled")]
    heard: list[Message] = []
    while len(heard) < sent:
        heard += peer.receive()
        after.channel.flush()
    assert heard == [Pong()] * sent
    after.channel.close()
    after.page.close()
    peer.close()


def test_a_trial_refuses_another_form_before_anything_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """`resqd check` as the reload's trial runs it; without the variable it is a check of the application alone."""
    refuse_other({})
    refuse_other({FORMAT_VARIABLE: str(FORMAT)})
    monkeypatch.setenv(FORMAT_VARIABLE, str(FORMAT + 1))
    done = CliRunner().invoke(main, ["check", "--app", "nowhere:app"])
    assert done.exit_code == 1
    assert f"the running one gives format {FORMAT + 1}: restart instead of reloading" in done.output


def test_the_format_changes_with_what_both_programs_must_share() -> None:
    """Whoever changes one of these numbers the format anew: a reload from the release before would crash the daemon."""
    assert (FORMAT, LAYOUT, len(fields(Snapshot))) == (7, 345, 11)
