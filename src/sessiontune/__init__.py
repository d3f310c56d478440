"""Turn coding-agent sessions into training data, tune a local model on it, prove it, ship it."""

__version__ = "0.1.0"
