"""Reports of what a trained model does with a text: one HTML file each, that needs nothing else.

`reading` lets a language model read a text and keeps what goes on in it; `features` says what there is in the
text, `tracking` which units follow it, `saturation` what the gates do, `tracks` which units a file has room
for. `generation`, `translation` and `synthesis` make the contents of a report, `packing` makes arrays small,
`report` makes the file, of what is in page/.
"""
