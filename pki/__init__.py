"""Certificate profiles, authorities, provisioning and contract delivery for Plug & Charge test PKIs."""
