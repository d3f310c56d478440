"""One module or package for each agent's logs, and what they share."""
