"""The import paths and call shapes of the systems that otel_perf takes the place of."""
