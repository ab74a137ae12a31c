"""The shell: the text face of the commands."""
