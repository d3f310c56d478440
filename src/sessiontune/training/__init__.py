"""Plans and checks of a training run, and the worker that trains."""
