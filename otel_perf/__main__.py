"""``python -m otel_perf`` is ``otel-perf``."""

from otel_perf.cli.main import main

if __name__ == "__main__":
    main()
