"""The Prometheus page of a pipeline that somebody else has started, perhaps without one."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from otel_perf.compat.forks import ForkSafeLock, renew_in_child
from otel_perf.core.guard import guard, logger
from otel_perf.runtime import active

if TYPE_CHECKING:
    from otel_perf.delivery.prometheus_page import PrometheusPage
    from otel_perf.runtime.handle import Handle

__all__ = ["MetricsServer"]


class MetricsServer:
    """A page that is opened on demand, and closed when its pipeline is over."""

    def __init__(self) -> None:
        """No page."""
        self._lock = ForkSafeLock()
        self._page: PrometheusPage | None = None
        self._handle: Handle | None = None
        renew_in_child(self)

    @property
    def url(self) -> str | None:
        """Where metrics are shown: on the pipeline's own page, or else on this one."""
        handle = active.current()
        if handle is None or handle.engine is None:
            return None
        own = handle.engine.metrics_out.page
        if own is not None and own.url is not None:
            return own.url
        return None if self._page is None or handle is not self._handle else self._page.url

    def open(self, handle: "Handle", host: str, port: int) -> None:
        """Open a page for a pipeline, unless it has one; a failure is told in one warning."""
        if self.url is not None or handle.engine is None:
            return
        if handle.engine.loaded.settings.metric_temporality != "cumulative":
            logger.warning("otel_perf: no metrics page: the pipeline exports deltas; give it a page by its settings")
            return
        guard.call("monitor.page", self._open, handle, host, port)

    def _open(self, handle: "Handle", host: str, port: int) -> None:
        engine = handle.engine
        if engine is None:
            return
        module: Any = import_module("otel_perf.delivery.prometheus_page")  # the SDK's metrics come with it
        page: PrometheusPage = module.PrometheusPage(engine.metrics_out.collect, host, port)
        if not page.start():
            return
        with self._lock:
            before, self._page, self._handle = self._page, page, handle
        if before is not None:
            before.close()

    def close_with_pipeline(self) -> None:
        """Close the page when its pipeline is not the live one any more: its numbers are not kept up."""
        if self._page is not None and active.current() is not self._handle:
            self.close()

    def after_fork_in_child(self) -> None:
        """Let go of the page: it is the parent's, which goes on serving it."""
        page, self._page, self._handle = self._page, None, None
        if page is not None:
            page.after_fork_in_child(restart=False)

    def close(self) -> None:
        """Close the page."""
        with self._lock:
            page, self._page, self._handle = self._page, None, None
        if page is not None:
            page.close()
