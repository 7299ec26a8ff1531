"""Pure mathematics over durations and calls: no clock, no lock, no I/O, standard library only."""
