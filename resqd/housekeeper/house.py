"""What the housekeeper's parts are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace

from resqd.app import App
from resqd.housekeeper.control import Voice
from resqd.settings import Settings
from resqd.sharding import Shard
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.redis.url import ConnectionConfig, configured
from resqd.wire.birth import Birth
from resqd.wire.doorbell import Bell

HOME_WITHIN = 1.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class House:
    """What this process was given, the keeper's link, and the voice by which its parts speak to the master.

    There is one for each shard, with the settings as they are there, and the shard's bell.
    """

    birth: Birth
    settings: Settings
    app: App
    connection: ConnectionConfig
    link: Link
    keys: Keys
    worker_id: str
    voice: Voice
    shard: Shard
    home: Shard
    bell: Bell

    def connect_home(self) -> Link:
        """A link to the home shard, for another shard's keeper, which a silent home must not hold up for long."""
        config = configured(self.home.url)
        return Link(replace(config, socket_timeout=HOME_WITHIN, connect_timeout=HOME_WITHIN))

    @property
    def is_home(self) -> bool:
        """Whether keyed work lives here, and all else of which there is one in a namespace."""
        return self.shard.number == 0
