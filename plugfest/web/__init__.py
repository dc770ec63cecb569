"""The panel in the browser (``--web``): what runs is seen and acted on, live.

:mod:`.hub`      what there is to see, bounded, between the thread of the session and that of the server
:mod:`.panel`    fills it from the events of a session
:mod:`.campaign` fills it from the runs of a campaign
:mod:`.address`  where it listens, and who may come in
:mod:`.app`      the requests
:mod:`.server`   the server in a thread of its own
:mod:`.actions`  what can be done, as the page needs it for its buttons
``static``       the page: HTML, CSS and JavaScript modules, as they are sent

Rules:

- A session never waits for a browser. It leaves what happened in the hub, which keeps the latest; each viewer reads
  from there at its own pace, and who does not read is dropped.
- Text from the wire reaches the page as JSON and is put there as text; scripts come from here only (CSP).
- Whoever asks must ask for this server by an address of it, from its own page, and elsewhere than on this host with
  the token.
"""
