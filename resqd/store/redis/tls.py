"""TLS for a connection, by redis-py's options, which stand in a URL after its '?'."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final

_REQUIREMENTS: Final = {
    "none": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}


def securing(options: Mapping[str, Any]) -> Callable[[socket.socket, str], socket.socket]:
    """What makes an open socket speak TLS with a host. Errors: OSError, also where a file cannot be read."""
    context = ssl.create_default_context()
    requirement = _REQUIREMENTS[options.get("ssl_cert_reqs", "required")]
    context.check_hostname = requirement is not ssl.CERT_NONE and options.get("ssl_check_hostname", True)
    context.verify_mode = requirement
    if "ssl_certfile" in options:
        context.load_cert_chain(
            options["ssl_certfile"], options.get("ssl_keyfile"), options.get("ssl_password")
        )
    if "ssl_ca_certs" in options or "ssl_ca_path" in options:
        context.load_verify_locations(options.get("ssl_ca_certs"), options.get("ssl_ca_path"))
    return lambda opened, host: context.wrap_socket(opened, server_hostname=host)
