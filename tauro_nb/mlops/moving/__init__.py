"""Copying runs and models from one store to another: what differs is told, and nothing is overwritten silently."""
