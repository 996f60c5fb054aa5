"""A task of a user's own: a model that learns to read a cipher, letter by letter, from pairs of lines.

It stands outside kerasapp, as a package of yours would. `toy_task.spec:SPEC` is all that kerasapp is told.
"""
