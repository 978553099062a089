"""Presets, and what wins over them."""

import pytest

from resqd.errors import SettingsError
from resqd.settings import Settings
from resqd.settings.presets import NAMES, shape


def test_each_preset_fits_the_processors() -> None:
    """Resque's is the default, and says nothing of its own."""
    assert shape("resque", 4) == {}
    assert shape("balanced", 4) == {"worker_count": 4, "thread_count": 5, "jobs_per_fork": 500}
    assert shape("throughput", 2) == {"worker_count": 2, "thread_count": 10, "jobs_per_fork": 0}


def test_what_is_set_by_itself_wins() -> None:
    """By variable or flag, also with the default's own value."""
    load = Settings.load
    assert load({}).jobs_per_fork == 1
    assert load({"RESQD_PRESET": "balanced"}).thread_count == 5
    one = load({"RESQD_PRESET": "throughput", "THREAD_COUNT": "1"}, {"worker_count": "3"})
    assert (one.worker_count, one.thread_count, one.jobs_per_fork) == (3, 1, 0)
    assert all(load({"RESQD_PRESET": name}).warnings() == [] for name in NAMES)
    with pytest.raises(SettingsError, match="RESQD_PRESET"):
        load({"RESQD_PRESET": "fast"})
