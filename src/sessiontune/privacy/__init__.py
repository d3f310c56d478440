"""Finds and replaces secrets, personal data and places in any text. Knows nothing of sessions."""
