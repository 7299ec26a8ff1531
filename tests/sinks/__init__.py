"""OTLP receivers for tests: in this process or in one of their own, with every way to misbehave."""
