"""Recorded sessions: read, checked, compared, drawn and written, no matter which program recorded them.

========================  ======================================================================================
:mod:`.recording`         a file or a list of events as :class:`~.recording.Recording`: entries of all layers
:mod:`.capture`           turns a capture into one: :mod:`.pcap` (files), :mod:`.packets`, :mod:`.tcp`, :mod:`.tls`
                          with :mod:`.keylog` and :mod:`.tls_records`
:mod:`.writer`            observer that writes pcapng with synthetic headers; :mod:`.live` records an interface
:mod:`.wireshark`         a profile for Wireshark; :mod:`.follow` a growing trace as pcapng
:mod:`.annotate`          copies a capture, with TLS secrets and decoded messages inside
:mod:`.text`, :mod:`.slac`  messages and SLAC frames in readable form
:mod:`.talks`             requests with their responses, per connection
:mod:`.checks`            ``check(recording)``: order, content, times, transport against the standards
:mod:`.proofs`            certificate chains and signatures, judged once for checks, report and ``trace show``
:mod:`.measure`           every time limited by a standard; :mod:`.series` numbers over time
:mod:`.chart`             the sequence chart; :mod:`.compare` two sessions; :mod:`.export` other forms; :mod:`.junit`
:mod:`.report`            ``render(recording)``: one HTML file
========================  ======================================================================================

Nothing here knows a role; scripts use it as the command line does::

    from plugfest.traces.recording import load

    recording = load(Path("session.pcapng"))
    print([entry.name for entry in recording.messages])
"""
