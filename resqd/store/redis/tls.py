"""TLS for a connection, by redis-py's options, which stand in a URL after its '?', and one for a password's file."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

_REQUIREMENTS: Final = {
    "none": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}
_FILES: Final = ("ssl_certfile", "ssl_keyfile", "ssl_ca_certs", "ssl_ca_path", "ssl_password_file")
VERSIONS: Final = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


def securing(options: Mapping[str, Any]) -> Callable[[socket.socket, str], socket.socket]:
    """What makes an open socket speak TLS with a host. Errors: OSError, also where a file cannot be read."""
    _look_for_files(options)
    context = ssl.create_default_context()
    requirement = _REQUIREMENTS[options.get("ssl_cert_reqs", "required")]
    context.check_hostname = requirement is not ssl.CERT_NONE and options.get("ssl_check_hostname", True)
    context.verify_mode = requirement
    if "ssl_min_version" in options:
        context.minimum_version = VERSIONS[options["ssl_min_version"]]
    if "ssl_ciphers" in options:
        context.set_ciphers(options["ssl_ciphers"])
    if "ssl_certfile" in options:
        _load_certificate(context, options)
    if "ssl_ca_certs" in options or "ssl_ca_path" in options:
        context.load_verify_locations(options.get("ssl_ca_certs"), options.get("ssl_ca_path"))
    return lambda opened, host: context.wrap_socket(opened, server_hostname=host)


def for_redis_py(options: Mapping[str, Any]) -> dict[str, Any]:
    """The same options as redis-py takes them. Errors: OSError."""
    _look_for_files(options)
    translated = {name: value for name, value in options.items() if name != "ssl_password_file"}
    if "ssl_min_version" in options:
        translated["ssl_min_version"] = VERSIONS[options["ssl_min_version"]]
    if password := _password(options):
        translated["ssl_password"] = password
    return translated


def _look_for_files(options: Mapping[str, Any]) -> None:
    """Errors: OSError for the first that cannot be read; OpenSSL would not say which."""
    for name in _FILES:
        if (path := options.get(name)) is not None and not os.access(path, os.R_OK):
            why = "cannot be read" if Path(path).exists() else "is missing"
            raise OSError(f"{name}={path} {why}")


def _load_certificate(context: ssl.SSLContext, options: Mapping[str, Any]) -> None:
    """Without a password a key that wants one is refused: OpenSSL would ask at the terminal. Errors: OSError."""
    password = _password(options)
    try:
        context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"), lambda: password)
    except ssl.SSLError as error:
        key = options.get("ssl_keyfile", options["ssl_certfile"])
        remedy = "" if password else "; if the key is encrypted, give ssl_password_file"
        raise OSError(f"the key in {key} does not open: {error}{remedy}") from error


def _password(options: Mapping[str, Any]) -> str:
    """Of the key: from a file, which may be one of /run/secrets, or from the URL, and so from its variable."""
    if "ssl_password_file" in options:
        return Path(options["ssl_password_file"]).read_text("utf-8").rstrip("\r\n")
    return str(options.get("ssl_password", ""))
