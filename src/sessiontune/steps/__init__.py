"""The stages between a log and a row: pure functions of sessions and options."""
