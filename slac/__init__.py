"""Part 3 of the standard, the link below the messages: control pilot, proximity, connectors, and SLAC matching.

Nothing here knows a V2G message or a role's script. Both roles build on it.

Matching, one call or object for each side, over any `Link` (`slac.link`, `slac.powerline`) and any pilot
(`slac.pilot`, `slac.pilots`):

    link = open_link("plc0")                                   # slac.link; LinkError says what to do
    match = await ev.match(link, pilot.ev)                     # vehicle; Match: evse_mac, attenuation, nid, nmk, ...

    async with evse.ready(link, pilot.evse) as charger:        # charger
        match = await charger.match()                          # a vehicle plugged in, paired, and the link is up
        reason = await charger.until_lost(match)               # unplugged, no link...
        await charger.leave()                                  # new key

What happens is told to ``observe`` (`slac.events`): each frame (``tx``/``rx``, the whole Ethernet frame), ``step`` with
the name of a `slac.errors.Step`, ``candidate``, ``ignored``, ``attempt failed``, ``modem``, ``warning``, ``matched``,
``left``. What goes wrong is an error of `slac.errors`, one sentence each; `MatchFailed` has the step and the timer.

- `slac.frames`: the messages, typed, to bytes and back; `slac.keys`: NMK and NID.
- `slac.link`: raw sockets; `slac.host`: messages over a link, with seams to rewrite, drop, delay and double them.
- `slac.timing`: every timer, as a table. `slac.outcome`: averages, verdicts, `Match`.
- `slac.ev`, `slac.evse`: the two sides, `slac.side`: what they share; `slac.ev_run`, `slac.evse_run`: one RunID.
- `slac.modem`, `slac.modem_families`: the local modem, and what is known about makers.
- `slac.powerline`, `slac.modem_sim`: a simulated medium with its modems; `slac.powerline_veth` for real interfaces,
  `slac.line_faults` what can fail on it, by name.
- `slac.rounds`: the one judgement of recorded or watched matchings, each a `Round`: where it stopped, what was due from
  whom, why. Behind it `slac.judge` (frames to rounds), `slac.copies`, `slac.agreed` (rules of content),
  `slac.link_proof`, `slac.diagnosis` and `slac.causes` (verdict), `slac.steps` (what a report shows),
  `slac.symptoms` (what a doctor tells besides).
"""
