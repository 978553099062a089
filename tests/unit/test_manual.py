"""What the manuals show can be typed, run and deployed."""

import configparser
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from resqd.cli.resqctl import main as resqctl
from resqd.cli.resqd import main as resqd
from resqd.settings import OPTIONS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DEPLOYING = ROOT / "systemd" / "README.md"
MANUALS = [
    README,
    DEPLOYING,
    ROOT / "resqd" / "contrib" / "README.md",
    *(ROOT / "resqd" / "manual").glob("*.md"),
]
PROGRAMS: dict[str, click.Group] = {"resqd": resqd, "resqctl": resqctl}
_COMMAND = re.compile(r"^    (?:sudo )?((?:resqd|resqctl) .*?)(?:  +#.*)?$", re.MULTILINE)
_BLOCK = re.compile(r"^`(?P<name>[\w.]+)`\n\n```(?:\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
DEPLOYED = {found["name"]: found["text"] for found in _BLOCK.finditer(DEPLOYING.read_text())}
_INSTRUCTIONS = {"FROM", "RUN", "WORKDIR", "COPY", "USER", "ENV", "HEALTHCHECK", "CMD"}


def typed() -> list[str]:
    """Each command line of the manuals; what stands in capitals in it is a placeholder."""
    return sorted({line for manual in MANUALS for line in _COMMAND.findall(manual.read_text())})


@pytest.mark.parametrize("line", typed())
def test_a_command_of_the_manual_is_one(line: str) -> None:
    """Its name, those of its subcommands and all of its options are the program's own."""
    program, *words = shlex.split(line)
    command: click.Command = PROGRAMS[program]
    options = _options(command)
    value_of: click.Parameter | None = None
    for word in words:
        if word.startswith("--"):
            option = options.get(word.partition("=")[0])
            assert option is not None, f"{line}: there is no {word}"
            value_of = None if "=" in word or getattr(option, "is_flag", False) else option
        elif value_of is not None:
            value_of = None
        elif isinstance(command, click.Group):
            assert word in command.commands, f"{line}: there is no command {word}"
            command = command.commands[word]
            options |= _options(command)
    assert not isinstance(command, click.Group) or command.invoke_without_command, line


def _options(command: click.Command) -> dict[str, click.Parameter]:
    return {option: parameter for parameter in command.params for option in parameter.opts}


def variables(environment: list[str]) -> set[str]:
    """Those of them that look like resqd's settings."""
    return {name for name in environment if name.startswith("RESQD_") or name in SETTINGS}


SETTINGS = {name for option in OPTIONS for name in (option.variable, *option.aliases)}


def test_the_manifests_are_yaml_with_settings_that_exist() -> None:
    """Compose and Kubernetes: parsed, not run; each RESQD variable is one, and a drain fits into the grace period."""
    compose: dict[str, Any] = yaml.safe_load(DEPLOYED["compose.yaml"])
    jobs = compose["services"]["jobs"]
    assert set(jobs["environment"]) <= SETTINGS
    assert int(jobs["stop_grace_period"].removesuffix("s")) >= 55
    pod: dict[str, Any] = yaml.safe_load(DEPLOYED["jobs.yaml"])["spec"]["template"]["spec"]
    [container] = pod["containers"]
    names = {entry["name"] for entry in container["env"]}
    assert variables(sorted(names)) == names - {"XDG_RUNTIME_DIR"}
    assert names - {"XDG_RUNTIME_DIR"} <= SETTINGS
    assert pod["terminationGracePeriodSeconds"] > 55
    assert {mount["name"] for mount in container["volumeMounts"]} == {
        volume["name"] for volume in pod["volumes"]
    }
    ports = {port["name"] for port in container["ports"]}
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
    assert {probe["port"] for probe in probes} == ports
    assert {probe["path"] for probe in probes} == {"/healthz", "/readyz"}


def test_the_dockerfile_has_known_instructions_and_settings() -> None:
    """Parsed, not built."""
    lines = [line for line in DEPLOYED["Dockerfile"].splitlines() if line and not line.startswith("#")]
    assert lines[0].startswith("FROM ")
    assert {line.split()[0] for line in lines} <= _INSTRUCTIONS
    names = {line.split()[1].partition("=")[0] for line in lines if line.startswith("ENV ")}
    assert names <= SETTINGS


@pytest.mark.parametrize(
    ("name", "section"), [("override.conf", "Service"), ("supervisord.conf", "program:resqd")]
)
def test_the_ini_files_parse(name: str, section: str) -> None:
    """One section, and a reason for what is not plain."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes=("#", ";"))
    parser.read_string(DEPLOYED[name])
    assert parser.sections() == [section]


def test_the_procfile_starts_resqd() -> None:
    """A name, settings that exist, and a command whose options do."""
    name, _, rest = DEPLOYED["Procfile"].strip().partition(": ")
    words = shlex.split(rest)
    settings = [word.partition("=")[0] for word in words if re.match(r"[A-Z_]+=", word)]
    assert name == "jobs"
    assert set(settings) <= SETTINGS
    assert words[len(settings) :][:2] == ["resqd", "start"]
    flags = {option.flag for option in OPTIONS}
    assert {word for word in words if word.startswith("--")} <= flags
