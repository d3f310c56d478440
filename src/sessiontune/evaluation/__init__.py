"""Is the tuned model better? Arms, measures, intervals, verdict, report."""
