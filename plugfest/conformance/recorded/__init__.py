"""What a recording alone proves of one side: each rule kept, broken, or not to be judged, and why.

=================  ====================================================================================================
:mod:`.judge`      the verdict on a recording: its first sentence, its rules, its times, the catalogue's runs
:mod:`.process`    rules on order, form and transport, and what a recording has to hold for each
:mod:`.watched`    what the watch of a campaign sees in it; :mod:`.watching` says how each judgement counts
:mod:`.runs`       runs of the catalogue whose stimulus comes up in any session, read out of a recording
:mod:`.told`       what a session shows of what a campaign declares
:mod:`.proofs`     which rows prove the checks of the catalogue
:mod:`.answer`     what is said of one rule
:mod:`.page`       the verdict for people
=================  ====================================================================================================

Everything comes from :mod:`plugfest.traces`: its chain, its checks, its times; from the content rules of
:mod:`v2g.rules`; and from :mod:`plugfest.conformance.watch`. A rule that nothing in the recording
touches is not judged; silence does not prove anything.
"""
