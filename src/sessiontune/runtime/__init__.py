"""Where things are done: programs started, servers run, runs and shipments made."""
