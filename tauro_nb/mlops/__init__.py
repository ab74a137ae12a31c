"""Experiment tracking, the model registry and monitoring."""
