"""The verbs of `tauro`, one module each; shell and magic are two faces of this one list."""
