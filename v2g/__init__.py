"""The session layer: everything between "link up" and the protocol scripts, without knowledge of either role.

========================  ======================================================================================
:mod:`.messages`          typed message classes of every schema set
:mod:`.v2gtp`, :mod:`.sdp`  pure encode and decode of the transport header and of discovery
:mod:`.discovery`         SDP client and server on a real interface; :mod:`.interfaces` finds its addresses
:mod:`.channel`           frames over a reader and a writer: TCP, TLS (:mod:`.tls`) and memory are one code path; it is
                          :mod:`.memory_link` that joins two ends in memory
:mod:`.protocols`         DIN 70121, ISO 15118-2 and -20 as data, and the supportedAppProtocol negotiation
:mod:`.reading`           bytes as a message of a session, for roles, recordings and tools alike
:mod:`.session`           requests and responses, session id, time-outs, rewrite hooks, trace events
:mod:`.streams`           frames sorted by stream: the main one, and side streams beside it
:mod:`.signature`         XML signatures over EXI fragments, made and verified; :mod:`.suites` has the algorithms,
                          :mod:`.signed_parts` what each message has to cover
:mod:`.sequence`          the legal order of messages, as role-neutral tables
:mod:`.physical`          PhysicalValues as numbers with a unit, and back; :mod:`.phases` powers over phases
:mod:`.energy`            services and parameter sets of ISO 15118-20; :mod:`.prices` its tariffs as data
:mod:`.members`           the classes that stand for a kind of control in a group of ISO 15118-20
:mod:`.terms`             what its two sides agree on, read from their messages; :mod:`.telling` in the words of a line
:mod:`.timing`            every time-out under its standard name
:mod:`.trace`             one stream of events for all layers, and its JSON lines
:mod:`.errors`            who did wrong, what, and what to answer
========================  ======================================================================================
"""
