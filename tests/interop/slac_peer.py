"""A charger's SLAC from the independent package pyslac, on an interface: prints one line of JSON when it has matched.

Run by the interpreter of an environment of its own: ``slac_peer.py INTERFACE [SECONDS]``. Nothing of plugfest is here.
"""

import asyncio
import json
import logging
import sys

import pyslac.session as session
from pyslac.environment import Config


async def main(interface, seconds):
    logging.disable(logging.CRITICAL)
    session.SLAC_SETTLE_TIME = 0.5  # the simulated modem is back by then; the package waits 10 s
    config = Config()
    config.load_envs("/nonexistent")
    charger = session.SlacEvseSession("DE*PNX*E1", interface, config)
    await charger.evse_set_key()
    controller = session.SlacSessionController()
    print("ready", flush=True)
    matching = asyncio.create_task(controller.start_matching(charger))
    for _ in range(int(seconds * 20)):
        await asyncio.sleep(0.05)
        if charger.state == session.STATE_MATCHED:
            print(
                json.dumps(
                    {
                        "nmk": charger.nmk.hex(),
                        "nid": charger.nid.hex(),
                        "run_id": charger.run_id.hex(),
                        "pev_mac": charger.pev_mac.hex(),
                        "aag": bytes(charger.aag).hex(),
                        "sounds": charger.num_total_sounds,
                    }
                ),
                flush=True,
            )
            break
    else:
        print(json.dumps({"failed": True}), flush=True)
    matching.cancel()


asyncio.run(main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 15.0))
