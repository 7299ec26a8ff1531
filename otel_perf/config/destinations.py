"""The places that telemetry is sent to, each with all that a sender needs to know."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from otel_perf.config import endpoints
from otel_perf.config.headers import Headers
from otel_perf.config.settings import OtlpSettings, Settings

__all__ = ["Destination", "Destinations", "Withheld", "resolve"]

Signal = Literal["traces", "metrics", "logs"]


@dataclass(frozen=True, slots=True)
class Destination:
    """One signal's way to one OTLP receiver.

    Attributes:
        name: How it is called in status, ledger and logs: scheme, host, port and path, no query.
        signal: ``traces``, ``metrics`` or ``logs``.
        url: For http/protobuf the complete URL, for grpc the target ``host:port``.
        protocol: ``http/protobuf`` or ``grpc``.
        headers: Sent with every request; never shown.
        timeout_seconds: The longest one request may take.
        compression: ``gzip`` or ``none``.
        certificate: PEM file of the trusted authorities; None: those of the system.
        client_key: PEM file for mutual TLS, or None.
        client_certificate: PEM file for mutual TLS, or None.
        insecure: Plain text; for http/protobuf it follows the scheme.
    """

    name: str
    signal: Signal
    url: str
    protocol: Literal["http/protobuf", "grpc"]
    headers: Headers
    timeout_seconds: float
    compression: Literal["gzip", "none"]
    certificate: Path | None
    client_key: Path | None
    client_certificate: Path | None
    insecure: bool


@dataclass(frozen=True, slots=True)
class Withheld:
    """A signal that is not sent, because a file that its security rests on is missing.

    Attributes:
        field: The setting at fault, for example ``traces.certificate``.
        rule: What is wrong with it.
    """

    field: str
    rule: str


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where each signal goes. All are empty when nothing leaves the process."""

    traces: tuple[Destination, ...] = ()
    metrics: tuple[Destination, ...] = ()
    logs: tuple[Destination, ...] = ()
    withheld: tuple[Withheld, ...] = ()


def resolve(settings: Settings) -> Destinations:
    """The destinations of all signals, from ``settings.traces``, ``settings.metrics`` and ``settings.logs``.

    A file for TLS that cannot be read withholds its signal: to go on with other trust than asked for would be worse
    than to send nothing.
    """
    if settings.sdk_disabled:
        return Destinations()
    wanted: dict[Signal, OtlpSettings] = {
        "traces": settings.traces if "otlp" in settings.traces_exporters else OtlpSettings(),
        "metrics": settings.metrics if "otlp" in settings.metrics_exporters else OtlpSettings(),
        "logs": settings.logs if "otlp" in settings.logs_exporters else OtlpSettings(),
    }
    withheld = tuple(fault for signal, otlp in wanted.items() for fault in _faults(signal, otlp))
    held = {fault.field.partition(".")[0] for fault in withheld}
    going = {
        signal: () if signal in held else tuple(_one(signal, otlp, url) for url in otlp.endpoint)
        for signal, otlp in wanted.items()
    }
    return Destinations(**going, withheld=withheld)


def _one(signal: Signal, otlp: OtlpSettings, address: str) -> Destination:
    if otlp.protocol == "grpc":
        url, plain = endpoints.grpc_target(address)
        insecure = bool(otlp.insecure) if plain is None else plain
        name = f"grpc://{url}"
    else:
        url, insecure = address, address.startswith("http://")
        name = endpoints.masked(address).partition("?")[0]
    return Destination(
        name=name,
        signal=signal,
        url=url,
        protocol=otlp.protocol,
        headers=otlp.headers,
        timeout_seconds=otlp.timeout_seconds,
        compression=otlp.compression,
        certificate=otlp.certificate,
        client_key=otlp.client_key,
        client_certificate=otlp.client_certificate,
        insecure=insecure,
    )


def _faults(signal: Signal, otlp: OtlpSettings) -> tuple[Withheld, ...]:
    """What is wrong with the TLS files of a signal that has somewhere to go."""
    if not otlp.endpoint:
        return ()
    files = {
        "certificate": otlp.certificate,
        "client_key": otlp.client_key,
        "client_certificate": otlp.client_certificate,
    }
    faults = [
        Withheld(f"{signal}.{field}", "cannot be read; it must be a PEM file")
        for field, path in files.items()
        if path is not None and not _readable(path)
    ]
    if not faults and otlp.client_key is not None and otlp.client_certificate is None:
        faults.append(Withheld(f"{signal}.client_key", "needs client_certificate beside it"))
    if not faults and otlp.client_certificate is not None and otlp.client_key is None:
        faults.append(Withheld(f"{signal}.client_certificate", "needs client_key beside it"))
    return tuple(faults)


def _readable(path: Path) -> bool:
    try:
        return path.is_file() and os.access(path, os.R_OK)
    except OSError:
        return False
