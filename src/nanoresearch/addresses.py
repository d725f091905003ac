"""Whether an address lies below one that the user has allowed. Reaches nothing."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

_PLAIN = re.compile(r"[A-Za-z0-9._~+@=,/-]*")
"""Paths without escapes: an encoded slash or dot could lead somewhere else than it seems to."""


def is_allowed(address: str, prefixes: Iterable[str]) -> bool:
    """Whether an address is plain and lies below one of these, each of which ends with a slash.

    Plain: http or https, no user, query, fragment, escapes or dots that lead upwards.
    """
    try:
        parts = urlsplit(address)
        usual = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False
    steps = parts.path.removesuffix("/").split("/")[1:]
    plain = bool(_PLAIN.fullmatch(parts.path)) and not {"", ".", ".."} & set(steps)
    if not usual or not plain or parts.query or parts.fragment or not address.isprintable():
        return False
    normal = f"{parts.scheme}://{parts.netloc.lower()}{parts.path.removesuffix('/')}/"
    return any(normal.startswith(_lower_server(prefix)) for prefix in prefixes)


def _lower_server(prefix: str) -> str:
    parts = urlsplit(prefix)
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path}"
