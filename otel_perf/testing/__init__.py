"""For the tests of applications: a fixture that captures calls, spans and metrics with known ids and times."""
