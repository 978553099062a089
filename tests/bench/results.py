"""What a run found, as --json writes it and --from reads it."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass, field
from typing import Any

from resqd import __version__
from tests.bench.arithmetic import Figure
from tests.bench.place import Place


@dataclass(slots=True)
class Results:
    """Figures by name, and by the measure's name what went wrong, or is to be known of a run that was left out."""

    environment: dict[str, str]
    figures: dict[str, Figure] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As JSON's own types."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Results:
        """What `to_json` made."""
        figures = {name: Figure(**figure) for name, figure in value["figures"].items()}
        return cls(value["environment"], figures, value["problems"], value["notes"])


def environment(place: Place, scale: str) -> dict[str, str]:
    """What one must know to compare figures."""
    server = place.client.info("server")
    named = "valkey" if "valkey_version" in server else "redis"
    return {
        "resqd": __version__,
        "scale": scale,
        "python": platform.python_version(),
        "server": f"{named} {server[f'{named}_version']}",
        "cores": str(len(os.sched_getaffinity(0))),
        "processor": _processor(),
        "kernel": platform.release(),
    }


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
