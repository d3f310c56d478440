"""An independent checker of exports: it reads the logs itself, with code of its own."""
