"""resqd limits: who holds which limit, who waits, and another number for one."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import click

from resqd.cli import output
from resqd.cli.output import report
from resqd.cli.program import NotDone, as_json, one_line, opened, with_redis
from resqd.store.gates.gates import Gates, GateState, LimitState


@click.group(cls=output.Group)
def limits() -> None:
    """Look at limits: who holds them and how many wait; and set another number for one."""


@limits.command("list")
@with_redis
@as_json
def list_(in_json: bool, **redis: str | None) -> None:
    """Show all limits: their numbers, how many hold them, how many jobs wait."""
    with opened(**redis) as there:
        found = [
            _facts(each)
            for each in there.store.on_link(lambda link, keys: Gates(link=link, keys=keys).limits())
        ]
    if in_json:
        click.echo(json.dumps(found))
    elif not found:
        click.echo("no daemon declares a limit")
    else:
        _tables().show_limits(found)


@limits.command()
@click.argument("name", type=output.name)
@with_redis
@as_json
def show(name: str, in_json: bool, **redis: str | None) -> None:
    """Show one limit by NAME: each of its values that is held or waited for, and who holds it."""
    with opened(**redis) as there:
        found = there.store.on_link(lambda link, keys: _look(Gates(link=link, keys=keys), name))
    if found is None:
        raise NotDone(f"{one_line(name)}: no such limit; resqd limits list shows all")
    facts = _facts(found)
    if in_json:
        click.echo(json.dumps(facts))
    else:
        _tables().show_limits([facts])
        _tables().show_gates(facts["gates"])


@limits.command("set")
@click.argument("name", type=output.name)
@click.argument("most", type=click.IntRange(min=0), required=False)
@click.option("--declared", is_flag=True, help="Give the application's own number its way again.")
@with_redis
@as_json
def set_(name: str, most: int | None, declared: bool, in_json: bool, **redis: str | None) -> None:
    """Let MOST jobs pass the limit NAME in place of what the application declares, until --declared.

    With 0 nothing that is under the limit begins. It takes effect at once.
    """
    if (most is None) is not declared:
        raise click.UsageError("give a number, or --declared")
    with opened(**redis) as there:
        known = there.store.on_link(lambda link, keys: _set(Gates(link=link, keys=keys), name, most))
    if not known:
        raise NotDone(f"{one_line(name)}: no such limit; resqd limits list shows all")
    says = f"{one_line(name)}: as declared" if most is None else f"{one_line(name)}: {most}"
    report(json.dumps({"ok": True, "limit": name, "most": most}) if in_json else says)


def _set(gates: Gates, name: str, most: int | None) -> bool:
    known = any(each.name == name for each in gates.limits())
    if known:
        gates.set_most(name, most)
    return known


def _look(gates: Gates, name: str) -> LimitState | None:
    found = next((each for each in gates.limits() if each.name == name), None)
    if found is None:
        return None
    states = [gates.gate(gate, found.definition) for gate in gates.gates_of(name)]
    return LimitState(found.name, found.definition, found.people, tuple(states))


def _facts(limit: LimitState) -> dict[str, Any]:
    kind, most, per = [*(limit.definition or "").split(), None, None, None][:3]
    return {
        "name": limit.name,
        "kind": {"c": "concurrency", "r": "rate"}.get(kind or ""),
        "most": int(most) if most else None,
        "per": int(per) / 1_000_000 if per else None,
        "set": limit.people,
        "held": sum(each.used for each in limit.gates),
        "waiting": sum(each.waiting for each in limit.gates),
        "gates": [_gate(each) for each in limit.gates],
    }


def _gate(gate: GateState) -> dict[str, Any]:
    _, by, value = gate.name.partition("=")
    return {
        "value": value if by else None,
        "held": gate.used,
        "waiting": gate.waiting,
        "holders": list(gate.holders),
    }


def _tables() -> ModuleType:
    from resqd.cli import tables  # noqa: PLC0415 - imports rich, when a table is shown

    return tables
