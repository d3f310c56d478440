"""`python -m sessiontune`."""

from .cli.main import run

run()
