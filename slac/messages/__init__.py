"""Message classes, named after the messages. Use them through `slac.frames`."""
