"""Training of the penderie-fashion model package. README.md has one command for each step."""
