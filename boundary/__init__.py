"""Where the bench meets the outside: texts of others, files of users, files that we leave behind.

Each of these has one door, and a test (``tests/boundary/test_doors.py``) keeps every other module from going round it:

- :mod:`.text`: text that a peer or a file brought becomes harmless and stays one line; JSON and XML likewise.
- :mod:`.console`: what commands print.
- :mod:`.read`, :mod:`.yaml_read`: JSON, XML, YAML and plain files of users, bounded, with one-line errors.
- :mod:`.write`: files appear under their name when they are whole, or grow record by record; secrets have mode 0600.
- :mod:`.namespaces`: interfaces of other network namespaces, as ``NAMESPACE/INTERFACE``.

The lowest package: it knows neither charging nor EXI, so that every other package can use it.
"""
