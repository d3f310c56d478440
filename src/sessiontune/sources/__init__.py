"""One module for each agent: its own logs, and no other."""
