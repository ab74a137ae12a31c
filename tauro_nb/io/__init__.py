"""Datasets: loading, checking and saving them."""
