"""What a recording alone proves of one side: each rule kept, broken, or not to be judged, and why.

=================  ====================================================================================================
:mod:`.judge`      the verdict on a recording: its first sentence, its rules, its times, the catalogue's runs
:mod:`.process`    rules on order, form and transport, and what a recording has to hold for each
:mod:`.runs`       runs of the catalogue that ask for no stimulus, read out of a recording
:mod:`.page`       the verdict for people
=================  ====================================================================================================

Everything comes from :mod:`plugfest.traces`: its chain, its checks, its times, and the content rules of
:mod:`v2g.rules`. A rule that nothing in the recording touches is not judged; silence does not prove anything.
"""
