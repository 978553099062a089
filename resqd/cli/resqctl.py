"""resqctl: what an operator types. Exit status: 0 done, 1 refused or timed out, 2 wrong usage, 3 no daemon."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from resqd import __version__, parsing
from resqd.cli import output
from resqd.cli.client import (
    Client,
    Ending,
    RefusedError,
    Session,
    Status,
    Steering,
    TimedOutError,
    as_json,
    candidates,
    follow,
    jobs_in,
)
from resqd.cli.daemon_top import top
from resqd.cli.output import add_completion, reporting
from resqd.cli.readiness import why_not
from resqd.clock import Deadline
from resqd.errors import ResqdError

LONG_TIMEOUT = 60.0
"""Seconds for a command that waits: a kill, a reload, stacks, a stop."""
WATCH_PAUSE = 1.0
_MOST_WORKERS = 1024

Command = Callable[..., Any]


_waiting = click.option(
    "--wait/--no-wait", default=True, show_default=True, help="Wait until the daemon is gone."
)
_confirmed = click.option(
    "--wait/--no-wait", default=True, show_default=True, help="Wait until each worker has confirmed."
)


def _timeout(default: float | None) -> Callable[[Command], Command]:
    shown = "for ever" if default is None else f"{default:g}"
    about = f"Seconds to wait before giving up; the daemon goes on.  [default: {shown}]"
    return click.option("--timeout", type=output.seconds, default=default, metavar="SECONDS", help=about)


def _checked_name(context: click.Context, parameter: click.Parameter, given: str) -> str:
    """A name as `resqd start` takes it; a blank variable counts as not set."""
    named = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    try:
        return parsing.label(given.strip() or ("" if named else "resqd"))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.group("resqctl", cls=Steering, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--name",
    default="resqd",
    envvar="RESQD_NAME",
    show_default=True,
    callback=_checked_name,
    help="The daemon's name.",
)
@click.option("--socket", "socket", type=output.name, help="Its control socket, instead of by name.")
@click.version_option(__version__, prog_name="resqctl")
@click.pass_context
def main(context: click.Context, name: str, socket: str | None) -> None:
    """Show and steer a resqd daemon on this host."""
    context.obj = Session(Client(_paths(name, socket)))


def _paths(name: str, socket: str | None) -> list[Path]:
    return candidates(name, os.environ) if socket is None else [Path(socket)]


@main.command()
@as_json
@click.option("--watch", is_flag=True, help="Show it again every second.")
@click.pass_obj
def status(session: Session, watch: bool) -> None:
    """Show what the daemon does."""
    with suppress(KeyboardInterrupt) if watch else nullcontext():  # how one ends what has no end
        _show_status(session, watch)


def _show_status(session: Session, watch: bool) -> None:
    if session.json:
        _print_status(session, watch)
    elif watch:
        _views().watch(session.status, sleep=lambda: time.sleep(WATCH_PAUSE))
    else:
        _views().console().print(_views().status_view(session.status()))


def _print_status(session: Session, watch: bool) -> None:
    click.echo(json.dumps(session.status()))
    while watch:
        time.sleep(WATCH_PAUSE)
        click.echo(json.dumps(session.status()))


def _views() -> ModuleType:
    from resqd.cli import views  # noqa: PLC0415 - rich takes longer to import than all of resqctl

    return views


@main.command()
@as_json
@click.option(
    "--ready", is_flag=True, help="Fail unless a job would run now: a worker is up and Redis answers."
)
@click.pass_obj
def ping(session: Session, ready: bool) -> None:
    """Ask whether the daemon is there."""
    if ready and (reason := why_not(session.status())):
        session.fail(f"not ready: {reason}")
    session.say(session.call("ping"), "pong")


@main.command()
@as_json
@_confirmed
@click.pass_obj
def pause(session: Session, wait: bool) -> None:
    """Take no new jobs; those that run go on.

    Once this has ended with 0 no job begins; with 1 it names the workers that have not confirmed within a second.
    """
    reply = session.call("pause", **_unless(wait))
    if reply.get("state", "paused") != "paused":
        session.fail(f"the daemon is {reply['state']}: it takes no new jobs anyway")
    session.say(reply, "paused")


@main.command()
@as_json
@_confirmed
@click.pass_obj
def resume(session: Session, wait: bool) -> None:
    """End a pause, or take back a drain."""
    session.say(session.call("resume", **_unless(wait)), "running")


def _unless(wait: bool) -> dict[str, int]:
    return {} if wait else {"wait": 0}


@main.command()
@as_json
@_waiting
@_timeout(None)
@click.pass_obj
def drain(session: Session, wait: bool, timeout: float | None) -> None:
    """Finish the current jobs, then end the daemon; `resqctl resume` takes it back.

    With --no-wait it ends when each worker has confirmed that it begins no job any more.
    """
    _leave(session, "drain", "draining", timeout=timeout, wait=wait)


@main.command()
@as_json
@_waiting
@_timeout(LONG_TIMEOUT)
@click.pass_obj
def stop(session: Session, wait: bool, timeout: float) -> None:
    """Kill the current jobs and end the daemon, for good."""
    _leave(session, "stop", "stopping", timeout=timeout, wait=wait)


def _leave(session: Session, command: str, doing: str, *, timeout: float | None, wait: bool) -> None:
    deadline = None if timeout is None else Deadline.after(timeout)
    pid = session.status()["pid"]
    try:
        reply = session.call(command)
    except RefusedError:
        if not wait or session.status()["state"] != doing:
            raise
        reply = {"ok": True, "state": doing}  # a worker has not confirmed yet; the daemon's end says more
    if not wait:
        session.say(reply, doing)
        return
    with _leaving_view(session, doing) as show:
        ending = follow(session.poll, pid=pid, deadline=deadline, show=show, sleep=time.sleep)
    if ending is Ending.GONE or (ending is Ending.KILLED and command == "stop"):
        session.say({**reply, "outcome": ending.value}, f"{command} done: the daemon is gone")
    elif ending is Ending.KILLED:
        session.fail("the daemon is gone, but it stopped jobs before they were finished")
    elif ending is Ending.RESUMED:
        session.fail(f"the {command} was taken back: the daemon runs on")
    else:
        raise TimedOutError(f"still {doing} after {timeout:g} s; the daemon goes on with it")


@contextmanager
def _leaving_view(session: Session, doing: str) -> Iterator[Callable[[Status], None]]:
    if session.json:
        yield lambda _status: None
        return
    try:
        with _views().LeavingView(doing) as view:
            yield reporting()(view.show)
    except KeyboardInterrupt:
        undo = "; `resqctl resume` takes it back" if doing == "draining" else ""
        session.fail(f"no longer waiting: the daemon goes on {doing}{undo}")


@main.command("kill-jobs")
@as_json
@click.pass_obj
def kill_jobs(session: Session) -> None:
    """Kill the current jobs and go on; ends a pause too."""
    session.say(session.call("kill-jobs"), "killing the current jobs")


def _complete_job(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    options = (context.parent or context).params
    paths = _paths(options.get("name") or "resqd", options.get("socket"))
    try:
        jobs = jobs_in(Session(Client(paths)).status())
    except ResqdError:
        return []  # nothing to offer; the command itself will say what is wrong
    return [
        CompletionItem(job["id"], help=job["class"])
        for job in jobs
        if job["id"] and job["id"].startswith(begun)
    ]


@main.command()
@as_json
@_timeout(LONG_TIMEOUT)
@click.argument("job_id", type=output.job_id, shell_complete=_complete_job)
@click.pass_obj
def kill(session: Session, job_id: str, timeout: float) -> None:
    """Kill the job JOB_ID, and wait until it has ended."""
    session.say(session.call("kill", timeout=timeout, job_id=job_id), f"killed {job_id}")


@main.command(context_settings={"ignore_unknown_options": True})  # so that -1 is a number
@as_json
@click.argument("change", metavar="N|+N|-N")
@click.pass_obj
def scale(session: Session, change: str) -> None:
    """Have N workers, or N more, or N less; a worker that goes finishes its jobs."""
    digits = change.lstrip("+-")
    plain = digits.isascii() and digits.isdecimal() and len(digits) <= len(str(_MOST_WORKERS))
    if not plain or len(change) - len(digits) > 1 or int(digits) > _MOST_WORKERS:
        raise click.BadParameter(f"give a number of workers up to {_MOST_WORKERS}, such as 4, +1 or -1")
    key = "to" if change == digits else "delta"
    reply = session.call("scale", **{key: int(change)})
    session.say(reply, f"scaling to {reply.get('workers', change)} workers")


@main.command()
@as_json
@_timeout(LONG_TIMEOUT)
@click.pass_obj
def reload(session: Session, timeout: float) -> None:
    """Load the application's new code, if it imports, and replace the workers one by one."""
    session.say(session.call("reload", timeout=timeout), "reloading: the new code imports")


@main.command()
@as_json
@_timeout(LONG_TIMEOUT)
@click.pass_obj
def stacks(session: Session, timeout: float) -> None:
    """Show the Python stack of every thread of every worker."""
    reply = session.call("stacks", timeout=timeout)
    texts = [f"worker {each['worker']} (pid {each['pid']})\n{each['text']}" for each in reply["stacks"]]
    session.show(reply, "\n\n".join(_readable(text) for text in texts))


def _readable(text: str) -> str:
    """Without control characters but the line ends: file and function names are the application's."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


main.add_command(top)
add_completion(main)
