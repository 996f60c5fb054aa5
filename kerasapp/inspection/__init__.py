"""Reports of what a trained model does with a text or a series: one HTML file each, which needs nothing else.

A task's own module `inspection` makes the contents of a report; `report` makes the file, with page/. The
tasks share `units` (a recurrent stack's states), `tracking` (the units that follow a feature), `saturation`
(of the gates), `tracks` (the units that a file has room for), `features` (of a text) and `packing` (of
arrays).
"""
