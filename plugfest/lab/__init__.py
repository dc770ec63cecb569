"""A lab on one host: charger and vehicle in network namespaces, with a simulated power line between them.

:mod:`.network`   namespaces and virtual cables, made and taken away
:mod:`.both`      our charger and our vehicle, which share pilot, terminals and battery
:mod:`.peer`      a foreign program in place of one of them
:mod:`.words`     what to type next
"""
