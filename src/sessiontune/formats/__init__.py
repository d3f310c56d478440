"""A conversation as the row of a file, and what that file cannot carry."""
