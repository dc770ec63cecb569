"""Test PKIs of ISO 15118-2 and ISO 15118-20: profiles, authorities, path validation, contract delivery, revocation.

=======================  =========================================================================================
:mod:`pki.profiles`      the roles and, as one table for each suite, what their certificates contain
:mod:`pki.names`         eMAID, PCID, EVSE id, SECCID and EVCCID with their check characters
:mod:`pki.keys`          key pairs (random, or derived from a seed), raw signatures, key files
:mod:`pki.authority`     makes a whole PKI, or one more certificate, from the profiles
:mod:`pki.store`         a PKI as a mapping of names to certificate, chain and key; its files; :mod:`pki.foreign`
                         reads those of others, :mod:`pki.export` writes for others
:mod:`pki.path`          checks a chain against its role and names each deviation; :mod:`pki.content`,
                         :mod:`pki.deviations`, :mod:`pki.roles` (which role a certificate has)
:mod:`pki.revocation`    what is revoked, CRLs; :mod:`pki.ocsp` responses, made and checked; :mod:`pki.responder`
:mod:`pki.variants`      invalid copies of good chains, for negative tests
:mod:`pki.delivery`      the contract key on its way to the vehicle (ECDH), -20: :mod:`pki.delivery20`
:mod:`pki.provisioning`  what a provisioning service puts together
=======================  =========================================================================================

Bytes in, bytes out: this package knows X.509 and keys, no messages. It is for test benches: keys are in plain files.
"""
