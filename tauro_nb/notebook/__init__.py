"""The notebook: the magic face of the commands."""
