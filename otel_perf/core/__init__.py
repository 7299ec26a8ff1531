"""What everything else stands on: records, the intake, clocks, the guard, the ledger, the signal catalogue."""
