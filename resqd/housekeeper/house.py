"""What the housekeeper's parts are made of."""

from __future__ import annotations

from dataclasses import dataclass

from resqd.app import App
from resqd.housekeeper.control import Voice
from resqd.settings import Settings
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.redis.url import ConnectionConfig
from resqd.wire.birth import Birth


@dataclass(frozen=True, slots=True)
class House:
    """What this process was given, the keeper's link, and the voice by which its parts speak to the master."""

    birth: Birth
    settings: Settings
    app: App
    connection: ConnectionConfig
    link: Link
    keys: Keys
    worker_id: str
    voice: Voice
