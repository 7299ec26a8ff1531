"""The HTTP proxy for an address, by the usual variables."""

import urllib.request
from urllib.parse import urlsplit

from otel_perf.config.destinations import Destination

__all__ = ["proxy_for"]


def proxy_for(destination: Destination) -> str | None:
    """URL of the proxy by ``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY``, as curl and Python read them.

    ``None`` without one, and for a host that ``NO_PROXY`` names. Whether a proxy is used for a loopback address is the
    transport's to refuse.
    """
    proxies = urllib.request.getproxies_environment()
    if not proxies:
        return None
    has_scheme = "://" in destination.url
    parts = urlsplit(destination.url if has_scheme else f"//{destination.url}")
    scheme = parts.scheme if has_scheme else ("http" if destination.insecure else "https")
    proxy = proxies.get(scheme)
    if not proxy or not parts.hostname:
        return None
    if urllib.request.proxy_bypass_environment(parts.hostname, proxies):  # type: ignore[attr-defined] # no stub
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
