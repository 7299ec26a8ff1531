"""The commands of ``otel-perf``, one file each."""
