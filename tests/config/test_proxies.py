"""The usual proxy variables are read as everybody reads them."""

import pytest

from otel_perf.config.load import load
from otel_perf.config.proxies import proxy_for

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("endpoint", "variables", "expected"),
    [
        ("http://collector.example:4318", {}, None),
        ("http://collector.example:4318", {"http_proxy": PROXY}, PROXY),
        ("http://collector.example:4318", {"HTTPS_PROXY": PROXY}, None),
        ("https://collector.example", {"HTTPS_PROXY": PROXY}, PROXY),
        ("https://collector.example", {"https_proxy": "proxy.example:3128"}, PROXY),
        ("https://collector.example", {"https_proxy": PROXY, "no_proxy": "localhost,collector.example"}, None),
        ("https://collector.example", {"https_proxy": PROXY, "NO_PROXY": ".example"}, None),
        ("https://collector.example", {"https_proxy": PROXY, "no_proxy": "*"}, None),
    ],
)
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_the_proxy_follows_the_scheme_and_the_exceptions(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, variables: dict[str, str], expected: str | None, protocol: str
) -> None:
    """HTTP_PROXY is for http, HTTPS_PROXY for https, and NO_PROXY names the hosts that are reached directly."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    destination = load({"endpoint": endpoint, "protocol": protocol}, environ={}).destinations.traces[0]

    assert proxy_for(destination) == expected
