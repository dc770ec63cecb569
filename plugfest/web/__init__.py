"""The panel in the browser (``--web``): shows what runs, live, and lets the user act on it.

:mod:`.hub`      what there is to see, bounded, between the session's thread and the server's
:mod:`.panel`    fills it from the events of a session
:mod:`.campaign` fills it from the runs of a campaign
:mod:`.address`  where it listens, and which requests it accepts
:mod:`.app`      the requests
:mod:`.server`   the server in its own thread
:mod:`.actions`  the possible actions, as the page needs them for its buttons
``static``       the page: HTML, CSS and JavaScript modules, sent as they are

Rules:

- A session never waits for a browser. It puts what happened into the hub, which keeps the latest; each viewer reads
from there at its own pace, and a viewer that does not read is dropped.
- Text from the wire reaches the page as JSON and is inserted as text; scripts come only from here (CSP).
- A request must use an address of this server, come from its own page, and carry the token unless it comes from this
host.
"""
