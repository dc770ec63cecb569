"""The session layer: everything between "link up" and the protocol scripts; it knows neither role.

========================  ======================================================================================
:mod:`.messages`          typed message classes of every schema set
:mod:`.v2gtp`, :mod:`.sdp`  pure encode and decode of the transport header and of discovery
:mod:`.discovery`         SDP client and server on a real interface; :mod:`.interfaces` finds its addresses
:mod:`.channel`           frames over a reader and a writer: one code path for TCP, TLS (:mod:`.tls`) and memory;
                          :mod:`.memory_link` joins two ends in memory
:mod:`.protocols`         DIN 70121, ISO 15118-2 and -20 as data, and the supportedAppProtocol negotiation
:mod:`.reading`           reads bytes as a message of a session, for roles, recordings and tools alike
:mod:`.session`           requests and responses, session id, time-outs, rewrite hooks, trace events
:mod:`.streams`           frames sorted by stream: the main one and its side streams
:mod:`.signature`         makes and verifies XML signatures over EXI fragments; :mod:`.suites` has the algorithms,
                          :mod:`.signed_parts` the elements that each message must sign
:mod:`.sequence`          the legal order of messages, as role-neutral tables
:mod:`.physical`          PhysicalValues as numbers with a unit, and back; :mod:`.phases`: powers over phases
:mod:`.energy`            services and parameter sets of ISO 15118-20; :mod:`.prices` its tariffs as data
:mod:`.members`           the message members of ISO 15118-20 for each kind of control
:mod:`.terms`             what its two sides agree on, read from their messages; :mod:`.telling`: the same in a line
:mod:`.timing`            every time-out under its standard name
:mod:`.trace`             one stream of events for all layers, and its JSON lines
:mod:`.errors`            which side made which error, and what to answer
========================  ======================================================================================
"""
