"""Plans and checks for merged, converted and served models, and where they go."""
