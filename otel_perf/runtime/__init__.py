"""The wiring: ``instrument()``, the handle, the public processors. The only place that knows all parts."""
