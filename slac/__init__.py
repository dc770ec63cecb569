"""Part 3 of the standard, the link below the messages: control pilot, proximity, connectors, and SLAC matching.

Nothing here depends on V2G messages or on a role's script. Both roles build on it.

Matching takes one call or object per side, over any `Link` (`slac.link`, `slac.powerline`) and any pilot
(`slac.pilot`, `slac.pilots`):

    link = open_link("plc0")                                   # slac.link; LinkError says what to do
    match = await ev.match(link, pilot.ev)                     # vehicle; Match: evse_mac, attenuation, nid, nmk, ...

    async with evse.ready(link, pilot.evse) as charger:        # charger
        match = await charger.match()                          # a vehicle plugged in, paired, and the link is up
        reason = await charger.until_lost(match)               # unplugged, no link...
        await charger.leave()                                  # new key

``observe`` receives the events (`slac.events`): each frame (``tx``/``rx``, the whole Ethernet frame), ``step`` with the
name of a `slac.errors.Step`, ``candidate``, ``ignored``, ``attempt failed``, ``modem``, ``warning``, ``matched``,
``left``. Failures are errors of `slac.errors`, one sentence each; `MatchFailed` has the step and the timer.

- `slac.frames`: the messages, typed, to bytes and back; `slac.keys`: NMK and NID.
- `slac.link`: raw sockets; `slac.host`: messages over a link, with hooks to rewrite, drop, delay and duplicate them.
- `slac.timing`: every timer, as a table. `slac.outcome`: averages, verdicts, `Match`.
- `slac.ev`, `slac.evse`: the two sides; `slac.side`: what they share; `slac.ev_run`, `slac.evse_run`: one RunID.
  `slac.ev_talk`, `slac.ev_validation`: messages and proof by toggling at the vehicle; `slac.ev_options`.
  `slac.evse_reception`: which vehicle gets the charger's key (`slac.evse_key`).
- `slac.modem`, `slac.modem_families`: the local modem, and facts about modems by maker.
- `slac.powerline`, `slac.modem_sim`: a simulated medium with its modems; `slac.powerline_veth` for real interfaces;
  `slac.line_faults`: named faults of the line.
- `slac.rounds`: the one judgement of recorded or watched matchings, each a `Round`: where it stopped, which end had to
  act, and why it did not. It uses `slac.judge` (frames to rounds), `slac.matchings` (which one a frame belongs to),
  `slac.copies`, `slac.agreed` (content rules), `slac.link_proof`, `slac.diagnosis` and `slac.causes` (verdict),
  `slac.steps` (steps shown in a report), `slac.symptoms` (further remarks of the doctor).
"""
