"""Reports of what a trained model does with a text or a series: one HTML file each, that needs nothing else.

A task's own module `inspection` makes the contents of a report. The tasks share `units`, which tells what a
recurrent stack does, with `tracking` (which units follow a feature), `saturation` (what the gates do) and
`tracks` (which units a file has room for); `features` says what there is in a text; `packing` makes arrays
small; `report` makes the file, from what is in page/.
"""
