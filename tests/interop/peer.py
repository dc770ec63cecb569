#!/usr/bin/env python3
"""An independent ISO 15118 / DIN 70121 counterpart for interop tests.

Runs the open implementation "Josev" (Python package ``iso15118``) as charger
or as car, so that the other side can be the program under test:

    peer.py secc MODE --iface IF [options]      Josev is the charger
    peer.py evcc MODE --iface IF [options]      Josev is the car
    peer.py codec [MODE ...]                    a codec for many of these, see --codec

MODE: din | iso2-dc | iso2-ac | iso2-dc-tls | iso2-ac-tls | iso2-dc-pnc | iso2-ac-pnc
      iso20-dc|ac[-bpt][-sched|-dyn][-tls][-pnc]     (sched is the default; tls is
      TLS 1.3 with certificates of both sides, pnc implies it)

Start it with the Python of the virtualenv made by setup_peer.sh; nothing of
that virtualenv may be imported by the project.  On stdout:

    READY             charger: SDP is answered from now on; car: starting
    SESSION ok ...    a session is over (or SESSION FAILED why)
    RESULT {json}     always the last line

Exit code: 0 all sessions went through to SessionStop, 1 a session failed or
none came about, 2 could not start, 3 deadline reached.
"""

import argparse
import asyncio
import json
import logging
import os
import sys
import time

MODES = {}
for _energy in ("dc", "ac"):
    MODES[f"iso2-{_energy}"] = ("ISO_15118_2", _energy, False, False)
    MODES[f"iso2-{_energy}-tls"] = ("ISO_15118_2", _energy, True, False)
    MODES[f"iso2-{_energy}-pnc"] = ("ISO_15118_2", _energy, True, True)
    for _bpt in ("", "-bpt"):
        for _control in ("", "-sched", "-dyn"):
            for _security in ("", "-tls", "-pnc", "-tls-pnc"):
                MODES[f"iso20-{_energy}{_bpt}{_control}{_security}"] = (
                    f"ISO_15118_20_{_energy.upper()}",
                    _energy,
                    bool(_security),
                    "pnc" in _security,
                )
MODES["din"] = ("DIN_SPEC_70121", "dc", False, False)

NAMESPACE = {
    "DIN_SPEC_70121": "urn:din:70121:2012:MsgDef",
    "ISO_15118_2": "urn:iso:15118:2:2013:MsgDef",
    "ISO_15118_20_AC": "urn:iso:std:iso:15118:-20:AC",
    "ISO_15118_20_DC": "urn:iso:std:iso:15118:-20:DC",
}
COMMON_NAMESPACE = "urn:iso:std:iso:15118:-20:CommonMessages"
SAP_NAMESPACE = "urn:iso:15118:2:2010:AppProtocol"
CONTROL = {"scheduled": 1, "dynamic": 2}  # parameter ControlMode


def mode_name(text):
    if text not in MODES:
        raise argparse.ArgumentTypeError(
            f"unknown mode {text!r}: din, iso2-dc|ac[-tls|-pnc], iso20-dc|ac[-bpt][-sched|-dyn][-tls][-pnc]"
        )
    return text


def is_v20(mode):
    return mode.startswith("iso20")


class Log:
    """What was said on the wire, how sessions ended, what Josev complained of."""

    def __init__(self, path):
        self.names, self.ends, self.errors = [], [], []
        self.info = {}
        self.auth = None  # ISO 15118-20: what the car chose
        self.live = False
        self.file = open(path, "w", encoding="utf-8") if path else None

    def message(self, direction, namespace, exi, text):
        doc = json.loads(text)
        name = next(iter(doc))
        if name == "V2G_Message":
            name = next(iter(doc["V2G_Message"]["Body"]))
        self.names.append(name)
        if name in ("supportedAppProtocolReq", "AuthorizationReq"):
            self.auth = doc.get(name, {}).get("SelectedAuthorizationService")
        if self.file:
            print(
                json.dumps(
                    {
                        "t": round(time.time(), 6),
                        "dir": direction,
                        "name": name,
                        "ns": str(getattr(namespace, "value", namespace)),
                        "exi": bytes(exi).hex(),
                        "msg": doc,
                    }
                ),
                file=self.file,
                flush=True,
            )

    def negotiated(self, session):
        tls = session.writer.get_extra_info("ssl_object")
        auth = session.selected_auth_option
        self.info = {
            "protocol": session.protocol.name,
            "tls": f"{tls.version()} {tls.cipher()[0]}" if tls else None,
            "auth": self.auth or getattr(auth, "value", None),
        }
        if session.selected_energy_service:
            self.info["service"] = session.selected_energy_service.service.name
            self.info["parameter_set"] = session.selected_energy_service.parameter_set_id
            self.info["control"] = getattr(session.control_mode, "name", "").lower()


def watched_codec(log, port=0):
    """Josev's EXI codec (a Java program, or one that runs already), with an ear on it."""
    import iso15118.shared.comm_session as session_module
    from iso15118.shared.exificient_exi_codec import ExificientEXICodec

    latest = {}

    class Codec(ExificientEXICodec):
        def __init__(self):
            if not port:
                super().__init__()
                return
            from py4j.java_gateway import GatewayParameters, JavaGateway

            self.gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port))
            self.gateway.java_process = None
            self.exi_codec = self.gateway.jvm.com.siemens.ct.exi.main.cmd.EXICodec()

        def encode(self, message, namespace):
            exi = super().encode(message, namespace)
            latest[bytes(exi)] = (namespace, message)
            return exi

        def decode(self, stream, namespace):
            text = super().decode(stream, namespace)
            if log.live:
                log.message("rx", namespace, stream, text)
            return text

    plain_send = session_module.V2GCommunicationSession.send

    async def send(self, message):
        # only what is really sent: Josev also encodes parts just to sign them
        namespace, text = latest.get(bytes(message.payload), ("", '{"unknown": 0}'))
        latest.clear()
        log.message("tx", namespace, message.payload, text)
        log.negotiated(self)
        await plain_send(self, message)

    session_module.V2GCommunicationSession.send = send
    return Codec()


def warm_up(codec, protocol, rounds=3):
    """The first messages of a fresh codec take seconds, more than a car waits."""
    header = {"SessionID": "0102030405060708"}
    version = 1 if protocol.startswith("ISO_15118_20") else 2
    status = {"EVReady": True, "EVErrorCode": "NO_ERROR", "EVRESSSOC": 50}
    jobs = [
        (
            SAP_NAMESPACE,
            {
                "supportedAppProtocolReq": {
                    "AppProtocol": [
                        {
                            "ProtocolNamespace": NAMESPACE[protocol],
                            "VersionNumberMajor": version,
                            "VersionNumberMinor": 0,
                            "SchemaID": 1,
                            "Priority": 1,
                        }
                    ]
                }
            },
        ),
        (SAP_NAMESPACE, {"supportedAppProtocolRes": {"ResponseCode": "OK_SuccessfulNegotiation", "SchemaID": 1}}),
    ]
    if version == 1:
        header["TimeStamp"] = 1700000000
        jobs += [
            (COMMON_NAMESPACE, {"SessionSetupReq": {"Header": header, "EVCCID": "X"}}),
            (
                NAMESPACE[protocol],
                {"DC_CableCheckReq": {"Header": header}}
                if protocol.endswith("DC")
                else {
                    "AC_ChargeLoopReq": {
                        "Header": header,
                        "MeterInfoRequested": False,
                        "Scheduled_AC_CLReqControlMode": {"EVPresentActivePower": {"Exponent": 0, "Value": 1}},
                    }
                },
            ),
        ]
    else:
        jobs += [
            (NAMESPACE[protocol], {"V2G_Message": {"Header": header, "Body": body}})
            for body in (
                {"SessionSetupReq": {"EVCCID": "0A0B0C0D0E0F"}},
                {"CableCheckReq": {"DC_EVStatus": status}},
                {"SessionStopRes": {"ResponseCode": "OK"}},
            )
        ]
    for _ in range(rounds):
        for namespace, doc in jobs:
            codec.decode(codec.encode(json.dumps(doc), namespace), namespace)


def lend_codec(modes):
    """One Java program for the peers of this namespace, until standard input ends: they start in a second then,
    and what it has compiled stays compiled. With modes, it is warmed up for their protocols alone."""
    from iso15118.shared.exificient_exi_codec import ExificientEXICodec

    codec = ExificientEXICodec()
    for protocol in dict.fromkeys(MODES[mode_name(mode)][0] for mode in modes) or NAMESPACE:
        warm_up(codec, protocol, 8)
    print(codec.gateway.gateway_parameters.port, flush=True)
    sys.stdin.read()
    codec.gateway.java_process.kill()


def bend_time(patience, quick):
    """Stretch Josev's message timeouts; drop its pause before closing TCP."""
    import iso15118.shared.comm_session as session_module

    class Bent:
        def __getattr__(self, name):
            return getattr(asyncio, name)

        @staticmethod
        async def sleep(delay):
            await asyncio.sleep(0 if quick else delay)

        @staticmethod
        async def wait_for(awaitable, timeout):
            return await asyncio.wait_for(awaitable, timeout and timeout * patience)

    session_module.asyncio = Bent()


def drop_server_name():
    """Josev's car puts "fe80::...%iface" into the TLS server name."""
    import iso15118.evcc.transport.tcp_client as client_module

    class NoName:
        def __getattr__(self, name):
            return getattr(asyncio, name)

        @staticmethod
        async def open_connection(*args, **kwargs):
            if kwargs.get("ssl"):
                kwargs["server_hostname"] = ""
            return await asyncio.open_connection(*args, **kwargs)

    client_module.asyncio = NoName()


def choose_group(name):
    """Josev knows one group for the key exchange of TLS, secp256r1."""
    import ssl

    plain = ssl.SSLContext.set_ecdh_curve
    ssl.SSLContext.set_ecdh_curve = lambda context, _: plain(context, name)


def end_watcher(log, on_end):
    from iso15118.shared.notifications import StopNotification

    class Queue(asyncio.Queue):
        def put_nowait(self, item):
            if isinstance(item, StopNotification):
                log.ends.append(item)
                print("SESSION", "ok" if item.successful else "FAILED", item.reason[:200], flush=True)
                on_end()
            super().put_nowait(item)

    return Queue()


def error_watcher(log, on_fatal):
    class Handler(logging.Handler):
        def emit(self, record):
            log.errors.append(str(record.getMessage())[:300])
            # after these the stock car would wait forever
            if record.name == "iso15118.evcc.comm_session_handler":
                on_fatal()

    logging.getLogger().addHandler(Handler(level=logging.ERROR))


def make_charger(args, energy, log):
    from iso15118.secc.controller.interface import AuthorizationResponse, ServiceStatus
    from iso15118.secc.controller.simulator import SimEVSEController
    from iso15118.shared.messages import enums
    from iso15118.shared.messages.datatypes import DCEVSEStatusCode, EVSENotification
    from iso15118.shared.messages.iso15118_2.datatypes import ResponseCode
    from iso15118.shared.messages.iso15118_20.common_types import EVSENotification as EVSENotificationV20
    from iso15118.shared.messages.iso15118_20.common_types import EVSEStatus, RationalNumber
    from iso15118.shared.messages.iso15118_20.common_types import ResponseCode as ResponseCodeV20

    v20 = is_v20(args.mode)

    class Charger(SimEVSEController):
        """Follows the car.  (The stock one always reports 1 V and 1 A and a
        maximum of 40 V, which a careful car has to refuse.)"""

        auth_polls = cable_polls = loops = 0

        def fresh(self):
            self.auth_polls = self.cable_polls = self.loops = 0
            if v20 and energy == "ac":  # per phase: has 3 kW, may have 3.3 kW
                limits = self.evse_data_context.session_limits.ac_limits
                for phase in ("", "_l2", "_l3"):
                    setattr(self.evse_data_context, f"present_active_power{phase}", 3000)
                    setattr(limits, f"max_charge_power{phase}", 3300)
                    for what in ("charge_reactive", "discharge", "discharge_reactive"):
                        setattr(limits, f"max_{what}_power{phase}", 0)
            self.off()

        def off(self):
            self.evse_data_context.present_voltage = 0
            self.evse_data_context.present_current = 0

        @property
        def stopping(self):
            return args.stop_after and self.loops >= args.stop_after

        async def service_renegotiation_supported(self):
            return args.other_services

        async def set_status(self, status):
            if status == ServiceStatus.READY:
                log.live = True
                print("READY", flush=True)
                if args.ready_file:
                    open(args.ready_file, "w").close()

        async def get_supported_energy_transfer_modes(self, protocol):
            mode = enums.EnergyTransferModeEnum
            return [mode.AC_THREE_PHASE_CORE if energy == "ac" else mode.DC_EXTENDED]

        async def is_authorized(self, *positional, **named):
            answer = enums.AuthorizationStatus
            if args.reject and v20:
                return AuthorizationResponse(
                    authorization_status=answer.REJECTED,
                    certificate_response_status=(
                        ResponseCodeV20.WARN_GENERAL_PNC_AUTH_ERROR
                        if log.auth == "PnC"
                        else ResponseCodeV20.WARN_EIM_AUTH_FAILED
                    ),
                )
            if args.reject:  # (DIN knows no refusal, only Ongoing)
                return AuthorizationResponse(
                    authorization_status=answer.REJECTED, certificate_response_status=ResponseCode.FAILED
                )
            first_look = named.get("certificate_chain")  # PaymentDetails
            if not first_look and self.auth_polls < args.auth_ongoing:
                self.auth_polls += 1
                return AuthorizationResponse(authorization_status=answer.ONGOING)
            if v20:  # no code of our own: it would hide that of a wrong challenge
                return AuthorizationResponse(authorization_status=answer.ACCEPTED)
            return await super().is_authorized(*positional, **named)

        # ISO 15118-20 only, from here ...
        async def get_energy_service_list(self):
            offer = await super().get_energy_service_list()
            for service in offer.services:
                service.free_service = args.free
            return offer

        async def get_service_parameter_list(self, service_id):
            offer = await super().get_service_parameter_list(service_id)
            want = CONTROL[args.control]
            offer.parameter_sets.sort(
                key=lambda each: want not in (par.int_value for par in each.parameters if par.name == "ControlMode")
            )
            return offer

        async def get_dc_charge_params_v20(self, energy_service):
            par = await super().get_dc_charge_params_v20(energy_service)
            limits = {
                "max_charge_power": args.max_power,
                "min_charge_power": 0,
                "max_charge_current": args.max_current,
                "min_charge_current": 0,
                "max_voltage": args.max_voltage,
                "min_voltage": 50,
            }
            if hasattr(par, "evse_max_discharge_power"):
                limits.update(
                    max_discharge_power=args.max_power,
                    min_discharge_power=0,
                    max_discharge_current=args.max_current,
                    min_discharge_current=0,
                )
            for field, value in limits.items():
                setattr(par, f"evse_{field}", RationalNumber.get_rational_repr(value))
            return par

        async def get_evse_status(self):  # once per charging loop
            self.loops += 1
            if self.stopping:
                return EVSEStatus(notification_max_delay=0, evse_notification=EVSENotificationV20.TERMINATE)
            return None

        # ... to here

        async def get_dc_charge_parameters(self):
            par = await super().get_dc_charge_parameters()
            for field, value, power in (
                ("evse_maximum_voltage_limit", args.max_voltage, 0),
                ("evse_maximum_current_limit", args.max_current, 0),
                ("evse_maximum_power_limit", args.max_power // 10, 1),
                ("evse_minimum_voltage_limit", 50, 0),
                ("evse_minimum_current_limit", 0, 0),
                ("evse_peak_current_ripple", 1, 0),
            ):
                quantity = getattr(par, field)
                quantity.value, quantity.multiplier = value, power
            return par

        async def get_evse_max_voltage_limit(self):
            quantity = await super().get_evse_max_voltage_limit()
            quantity.value, quantity.multiplier = args.max_voltage, 0
            return quantity

        async def get_evse_max_power_limit(self):
            quantity = await super().get_evse_max_power_limit()
            quantity.value, quantity.multiplier = args.max_power // 10, 1
            return quantity

        async def get_evse_max_current_limit(self):
            if energy == "ac":  # once per ChargingStatusRes
                self.loops += 1
            quantity = await super().get_evse_max_current_limit()
            quantity.value = 32 if energy == "ac" else args.max_current
            quantity.multiplier = 0
            return quantity

        async def get_dc_evse_status(self):
            status = await super().get_dc_evse_status()
            if self.stopping:
                status.evse_notification = EVSENotification.STOP_CHARGING
                status.evse_status_code = DCEVSEStatusCode.EVSE_SHUTDOWN
            return status

        async def get_ac_evse_status(self):
            status = await super().get_ac_evse_status()
            if self.stopping:
                status.evse_notification = EVSENotification.STOP_CHARGING
            return status

        async def start_cable_check(self):
            self.off()

        async def get_cable_check_status(self):
            if self.cable_polls < args.cable_ongoing:
                self.cable_polls += 1
                return None
            return await super().get_cable_check_status()

        async def send_charging_command(
            self, ev_target_voltage, ev_target_current, is_precharge=False, is_session_bpt=False
        ):
            context = self.evse_data_context
            if ev_target_voltage is None:  # Dynamic: the charger decides
                context.present_voltage = context.present_voltage or min(400, args.max_voltage)
                context.present_current = min(20, args.max_current)
                return
            # (in ISO 15118-20 Josev puts is_session_bpt into is_precharge)
            if not is_precharge and not v20:
                self.loops += 1
            context.present_voltage = min(ev_target_voltage, args.max_voltage)
            context.present_current = min(ev_target_current, args.max_current)

        async def stop_charger(self):
            self.off()

    charger = Charger()
    charger.fresh()
    return charger


def make_car(args, energy, config):
    from iso15118.evcc.controller.simulator import SimEVController
    from iso15118.shared.messages.iso15118_2.datatypes import DCEVPowerDeliveryParameter
    from iso15118.shared.messages.iso15118_20.common_types import RationalNumber

    v20 = is_v20(args.mode)

    def change(parameters, **values):
        for field, value in values.items():
            setattr(parameters, field, RationalNumber.get_rational_repr(value))
        return parameters

    class Car(SimEVController):
        """Makes exactly --loops charging loops and believes the charger's
        voltage.  (The stock car stops precharge after six requests, whatever
        the voltage, and says ChargingComplete when it starts.)"""

        def __init__(self, cfg):
            super().__init__(cfg)
            self.left = args.loops
            self.profiles, self.precharging = args.profile_ongoing, False

        async def continue_charging(self):
            if self.left <= 0 or self._charging_is_completed:
                self._soc = 100
                return False
            self.left -= 1
            self._soc = min(99, 100 - 90 * self.left // max(1, args.loops))
            return True

        async def charge_loop_delay(self):
            return args.loop_delay

        async def is_precharged(self, present_voltage_evse):
            goal = 400 if v20 else (self.dc_ev_charge_params.dc_target_voltage.get_decimal_value())
            return abs(present_voltage_evse.get_decimal_value() - goal) <= 20

        async def get_dc_ev_power_delivery_parameter(self):
            return DCEVPowerDeliveryParameter(
                dc_ev_status=await self.get_dc_ev_status(),
                bulk_charging_complete=False,
                charging_complete=self.left <= 0,
            )

        # ISO 15118-20 only, from here.  The stock car asks for 20 kV in
        # precharge, reports 200 kW in AC and tosses a coin for EVProcessing.
        async def select_energy_service_v20(self, services):
            choice = await super().select_energy_service_v20(services)
            for each in services[0].parameter_sets:
                if any(par.name == "ControlMode" and par.int_value == CONTROL[args.control] for par in each.parameters):
                    choice.parameter_set = each
                    break
            return choice

        async def profile(self, compute, *positional):
            # asked once for each PowerDeliveryReq; in DC also after ScheduleExchangeRes
            if self.profiles > 0 and (energy == "ac" or self.precharging):
                self.profiles -= 1
                return None, (await self.decided(compute, *positional))[1]
            return await self.decided(compute, *positional)

        async def decided(self, compute, *positional):
            while True:
                profile, progress = await compute(*positional)
                if profile:
                    return profile, progress

        async def process_scheduled_se_params(self, *positional):
            return await self.profile(super().process_scheduled_se_params, *positional)

        async def process_dynamic_se_params(self, *positional):
            return await self.profile(super().process_dynamic_se_params, *positional)

        async def get_present_voltage(self):
            return RationalNumber(exponent=0, value=400)

        async def get_target_voltage(self):
            self.precharging = True
            return RationalNumber(exponent=0, value=400)

        async def get_scheduled_dc_charge_loop_params(self):
            return change(
                await super().get_scheduled_dc_charge_loop_params(), ev_target_voltage=400, ev_target_current=20
            )

        async def get_dynamic_dc_charge_loop_params(self):
            return change(
                await super().get_dynamic_dc_charge_loop_params(),
                ev_target_energy_request=20000,
                ev_max_energy_request=40000,
                ev_min_energy_request=1000,
                ev_max_charge_power=30000,
                ev_min_charge_power=100,
                ev_max_charge_current=80,
                ev_max_voltage=450,
                ev_min_voltage=200,
            )

        async def get_bpt_dynamic_dc_charge_loop_params(self):
            return change(
                await super().get_bpt_dynamic_dc_charge_loop_params(),
                ev_max_discharge_power=11000,
                ev_min_discharge_power=1000,
                ev_max_discharge_current=11,
            )

        async def get_ac_charge_loop_params_v20(self, control_mode, service):
            par = await super().get_ac_charge_loop_params_v20(control_mode, service)
            change(par, ev_present_active_power=9000)
            if hasattr(par, "ev_max_charge_power") and par.ev_max_charge_power:
                change(par, ev_max_charge_power=11000, ev_present_reactive_power=0)
            if getattr(par, "ev_min_discharge_power", None):
                change(par, ev_min_discharge_power=100)
            return par

    return Car(config)


async def run(args, log):
    import iso15118
    from iso15118.shared.messages.enums import Protocol
    from iso15118.shared.network import validate_nic

    protocol, energy, tls, pnc = MODES[args.mode]
    validate_nic(args.iface)
    needed = "oemCertChain.pem" if is_v20(args.mode) else "cpoCertChain.pem"
    if tls and not os.path.exists(os.path.join(args.pki, "iso15118_2/certs", needed)):
        raise SystemExit("this mode needs certificates: --pki DIR (see README)")

    over = asyncio.Event()
    codec = watched_codec(log, args.codec)
    java = codec.gateway.java_process
    await asyncio.to_thread(warm_up, codec, protocol, 1 if args.codec else 3)

    if args.role == "secc":
        from iso15118.secc import SECCHandler
        from iso15118.secc.secc_settings import Config

        os.environ.update(
            PROTOCOLS=protocol,
            AUTH_MODES="EIM,PNC" if pnc else "EIM",
            SECC_ENFORCE_TLS=str(tls),
            FREE_CHARGING_SERVICE=str(args.free),
        )
        if is_v20(args.mode):  # offers by default what it cannot do there
            os.environ["ALLOW_CERT_INSTALL_SERVICE"] = str(args.install)
        config = Config()
        config.load_envs(os.devnull)
        charger = make_charger(args, energy, log)
        handler = SECCHandler(exi_codec=codec, evse_controller=charger, config=config)

        def ended():
            charger.fresh()
            if args.sessions and len(log.ends) >= args.sessions:
                over.set()

        job = handler.start(args.iface)
    else:
        from iso15118.evcc import EVCCHandler
        from iso15118.evcc.evcc_config import EVCCConfig
        from iso15118.shared.settings import load_shared_settings

        load_shared_settings(os.devnull)
        config = EVCCConfig(
            supportedProtocols=[protocol],
            supportedEnergyServices=[args.service or energy.upper()],
            energyTransferMode={"dc": "DC_extended", "ac": "AC_three_phase_core"}[energy],
            useTls=tls,
            enforceTls=tls,
            isCertInstallNeeded=args.install,
        )
        config.load_raw_values()
        config.supported_protocols = [Protocol[protocol]]
        handler = EVCCHandler(
            evcc_config=config, iface=args.iface, exi_codec=codec, ev_controller=make_car(args, energy, config)
        )
        ended = over.set
        log.live = True
        print("READY", flush=True)
        job = handler.start()

    handler._rcv_queue = end_watcher(log, ended)
    error_watcher(log, over.set)
    started = time.time()
    task = asyncio.ensure_future(job)
    finished = asyncio.ensure_future(over.wait())
    done, _ = await asyncio.wait({task, finished}, timeout=args.timeout, return_when=asyncio.FIRST_COMPLETED)
    ok = bool(log.ends) and all(e.successful for e in log.ends) and bool(done)
    print(
        "RESULT "
        + json.dumps(
            {
                "role": args.role,
                "mode": args.mode,
                "ok": ok,
                "sessions": len(log.ends),
                "reasons": [e.reason[:300] for e in log.ends],
                "errors": log.errors[-3:],
                **log.info,
                "messages": len(log.names),
                "last_message": log.names[-1] if log.names else None,
                "seconds": round(time.time() - started, 2),
                "peer": f"iso15118 {iso15118.__version__}",
            }
        ),
        flush=True,
    )
    if java is not None:
        java.kill()
    os._exit(0 if ok else 3 if not done else 1)


def main():
    if sys.argv[1:2] == ["codec"]:
        lend_codec(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("role", choices=("secc", "evcc"))
    parser.add_argument(
        "mode",
        type=mode_name,
        metavar="MODE",
        help=("din, iso2-dc|ac[-tls|-pnc], iso20-dc|ac[-bpt][-sched|-dyn][-tls][-pnc]"),
    )
    add = parser.add_argument
    add("--iface", required=True, help="interface with an IPv6 link-local address")
    add(
        "--pki",
        default=os.environ.get("PEER_PKI", ""),
        help="directory with iso15118_2/certs and iso15118_2/private_keys",
    )
    add("--timeout", type=float, default=60, help="deadline in seconds")
    add("--codec", type=int, default=0, metavar="PORT", help="use the codec that `peer.py codec` has started there")
    add("--trace", default="", help="write every message to this file (JSON lines)")
    add("--patience", type=float, default=1, help="factor on Josev's message timeouts (slow machines: 10)")
    add("--quick-stop", action="store_true", help="close TCP at once after SessionStop instead of after 5 s")
    add(
        "--install",
        action="store_true",
        help="car: install a contract certificate first; charger in ISO 15118-20: "
        "offer that (not implemented there: it then drops the connection)",
    )
    add(
        "--control",
        choices=sorted(CONTROL),
        help="ISO 15118-20; charger: parameter "
        "sets of this control mode first; car: take one of these (default: from MODE)",
    )
    add(
        "--group",
        choices=("secp256r1", "secp521r1", "X448"),
        default="secp256r1",
        help="group of the key exchange in TLS",
    )
    add("--log-level", default="WARNING")
    group = parser.add_argument_group("charger")
    add = group.add_argument
    add("--sessions", type=int, default=1, help="end after N sessions, 0 = never")
    add("--ready-file", default="", help="create this file when ready")
    add("--auth-ongoing", type=int, default=0, help="authorization: N x Ongoing")
    add("--cable-ongoing", type=int, default=0, help="CableCheck: N more Ongoing")
    add("--stop-after", type=int, default=0, help="ask the car to stop after N loops")
    add("--reject", action="store_true", help="refuse authorization (DIN: Ongoing forever)")
    add("--other-services", action="store_true", help="ISO 15118-20: the car may change its service")
    add("--free", action="store_true", help="free service; ISO 15118-2: no SalesTariff")
    add("--max-voltage", type=int, default=1000)
    add("--max-current", type=int, default=200)
    add("--max-power", type=int, default=150000)
    group = parser.add_argument_group("car")
    add = group.add_argument
    add("--loops", type=int, default=10, help="charging loops")
    add("--loop-delay", type=float, default=0, help="seconds between them")
    add("--no-server-name", action="store_true", help="leave out the malformed TLS server name")
    add(
        "--service",
        choices=("AC", "DC", "AC_BPT", "DC_BPT"),
        help="ISO 15118-20: energy transfer service to look for (default: from MODE)",
    )
    add(
        "--profile-ongoing",
        type=int,
        default=1,
        metavar="N",
        help="ISO 15118-20: N x PowerDeliveryReq with EVProcessing Ongoing first",
    )
    args = parser.parse_args()
    if is_v20(args.mode):
        words = args.mode.split("-")
        args.control = args.control or ("dynamic" if "dyn" in words else "scheduled")
        if "bpt" in words:
            args.service = args.service or f"{words[1].upper()}_BPT"

    os.environ.update(
        NETWORK_INTERFACE=args.iface,
        LOG_LEVEL=args.log_level,
        MESSAGE_LOG_JSON="False",
        ENABLE_TLS_1_3=str(is_v20(args.mode)),
    )
    if args.pki:
        os.environ["PKI_PATH"] = os.path.join(os.path.abspath(args.pki), "")
    log = Log(args.trace)
    if args.ready_file and os.path.exists(args.ready_file):
        os.remove(args.ready_file)
    try:
        if args.quick_stop or args.patience != 1:
            bend_time(args.patience, args.quick_stop)
        if args.no_server_name:
            drop_server_name()
        if args.group != "secp256r1":
            choose_group(args.group)
        asyncio.run(run(args, log))
    except (Exception, SystemExit) as exc:
        print(f"cannot start: {type(exc).__name__}: {exc}", file=sys.stderr)
        print("RESULT " + json.dumps({"role": args.role, "mode": args.mode, "ok": False, "errors": [str(exc)[:300]]}))
        sys.stdout.flush()
        os._exit(2)


if __name__ == "__main__":
    main()
