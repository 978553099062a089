"""Whether a daemon is ready, by its status."""

from typing import Any

from resqd.cli.readiness import why_not


def status(**changes: Any) -> dict[str, Any]:
    up = {"state": "running", "workers": [{"booted": True}], "housekeeper": {"redis": "ok"}}
    return up | changes


def test_who_would_run_a_job_now_is_ready() -> None:
    """One worker is enough."""
    assert why_not(status()) == ""
    assert why_not(status(workers=[{"booted": False}, {"booted": True}])) == ""


def test_each_reason_is_told() -> None:
    """No worker, no Redis, or on its way out or paused."""
    assert why_not(status(workers=[{"booted": False}])) == "no worker is up"
    assert why_not(status(workers=[])) == "no worker is up"
    assert why_not(status(housekeeper={"redis": "it is away"})) == "Redis: it is away"
    for state in ("draining", "stopping", "paused"):
        assert why_not(status(state=state)) == f"the daemon is {state}"
