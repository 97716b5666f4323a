"""The engine's rules once more, in C, for whole series: a dozen times as fast, and no other result.

`source` is compiled when the package is built, if there is a compiler; `library` finds and loads
what came of it, `reading` makes detections of its answers. Whether it is used, `detect` decides.
"""
