"""Test PKIs of ISO 15118-2 and ISO 15118-20: profiles, authorities, path validation, contract delivery, revocation.

====================  ==============================================================================================
:mod:`pki.profiles`   the roles and, as one table for each suite, what their certificates contain
:mod:`pki.names`      eMAID, PCID, EVSE id, SECCID and EVCCID with their check characters
:mod:`pki.keys`       key pairs (random, or derived from a seed), raw signatures, key files
:mod:`pki.authority`  makes a whole PKI or one more certificate after its profile
:mod:`pki.store`      a PKI as a mapping of names to certificate, chain and key; its files
:mod:`pki.delivery`   the contract key on its way to the vehicle (ECDH), and what a provisioning service signs
====================  ==============================================================================================

Bytes in, bytes out: this package knows X.509 and keys, no messages. Everything is for test benches: keys lie in files.
"""
