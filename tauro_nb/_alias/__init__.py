"""Holds the module that is installed under the name `tauro`."""
