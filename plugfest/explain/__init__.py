"""What the tables know, for people and for programs: pages made of the same data that both roles work with.

=====================  ============================================================================================
:mod:`.page`           a page: title, lines, and the same as plain data
:mod:`.line`           control pilot, proximity, duty, connectors
:mod:`.protocols`      order of messages, timers, messages, ResponseCodes
:mod:`.slac_messages`  messages of SLAC and of modems
=====================  ============================================================================================
"""
