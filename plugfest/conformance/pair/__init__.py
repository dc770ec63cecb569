"""Interoperability scenarios for a pair: a vehicle and a charger at work together, with a person at the bench.

A scenario is data (``catalogue/interop_scenarios.yaml``): what is prepared and done, and what the recording must show.
:mod:`.words` has its vocabulary with the sentences for people, :mod:`.scenario` reads it. :mod:`.unattended` carries it
out with both of our roles (:mod:`.prepare`, :mod:`.own`) in virtual time, :mod:`.guide` with a person, who hands in the
:mod:`.answers` and the recording of the :mod:`.line`. :mod:`.evidence` is what either leaves behind, :mod:`.looks`
judges it, :mod:`.judge` makes the result, and :mod:`.campaign` a campaign of them.
"""
