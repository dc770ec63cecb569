"""Where the bench meets the outside: text from peers, files from users, and files that we write.

Each of these has one door, and a test (``tests/boundary/test_doors.py``) keeps every other module from bypassing it:

- :mod:`.text`: makes text from a peer or a file harmless and keeps it on one line; JSON and XML likewise.
- :mod:`.choices`: what a name that is not known may have meant.
- :mod:`.console`: everything that commands print.
- :mod:`.read`, :mod:`.yaml_read`: users' JSON, XML, YAML and plain files, bounded, with one-line errors.
- :mod:`.write`: files appear under their name once they are complete, or grow record by record; secrets have mode 0600.
- :mod:`.http`: requests to our own servers, bounded, with a status for whatever is none.
- :mod:`.namespaces`: interfaces in other network namespaces, as ``NAMESPACE/INTERFACE``.

This is the lowest package: it knows nothing about charging or EXI, so every other package can use it.
"""
