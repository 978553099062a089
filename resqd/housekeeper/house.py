"""What the housekeeper's parts are made of."""

from __future__ import annotations

from dataclasses import dataclass

from resqd.app import App
from resqd.housekeeper.control import Voice
from resqd.settings import Settings
from resqd.sharding import Shard
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.redis.url import ConnectionConfig
from resqd.wire.birth import Birth
from resqd.wire.doorbell import Bell


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
    bell: Bell

    @property
    def is_home(self) -> bool:
        """Whether keyed work lives here, and all else of which there is one in a namespace."""
        return self.shard.number == 0
