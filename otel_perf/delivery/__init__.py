"""From records to backends: encoding, transport, spool, providers, tail sampling, the Prometheus page."""
