"""The bench over MQTT: what happens goes out, commands come in. Topics and payloads are in docs/mqtt.md.

:mod:`.reporter` turns events into publications, :mod:`.commands` turns payloads into actions and acknowledgements,
:mod:`.client` keeps the connection, :mod:`.home_assistant` announces entities. A session never waits for any of it.
"""
