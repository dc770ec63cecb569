"""The panel in a real browser: what each button does to the session, and that nothing else gets in."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from browser import chromium, needs_browser, needs_web
from netns import AVAILABLE, REASON, link
from processes import CEILING, PATIENT, PLUGFEST, TIMERS, Started, run, started, wait
from sampling import sampled

from plugfest import cli
from plugfest.errors import UserError
from plugfest.mqtt.commands import Commands
from plugfest.traces.findings import Finding
from plugfest.typed import kinds
from plugfest.web import actions
from plugfest.web.address import Address
from plugfest.web.hub import ROWS, Hub, Seen
from plugfest.web.panel import Panel
from v2g.trace import Event

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

IMAGES = Path(os.environ["PLUGFEST_SCREENSHOTS"]) if "PLUGFEST_SCREENSHOTS" in os.environ else None
"""Where the pictures of the docs go: ``PLUGFEST_SCREENSHOTS=docs/images pytest tests/plugfest/test_panel.py``."""
HOSTILE = "<img src=x onerror=alert(1)>"
BENCH = f"""
role: both
slac: false
vehicle: {{soc: 35, loop-delay: 0.05}}
charger:
  authorization: customer
  evse-id: "{HOSTILE}"
  test-seconds: 0.2
  volts-per-second: 5000
  amps-per-second: 500
timer: {json.dumps({**TIMERS, "V2G_EVCC_Ongoing_Timeout": CEILING})}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    made = browser.new_page(viewport={"width": 1280, "height": 1000}, color_scheme="light")
    made.set_default_timeout(CEILING * 1000)
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    made.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    yield made
    made.close()
    told = ("ERR_", "Failed to load resource")  # a connection that is lost, and an answer that is an error, say so
    assert [text for text in errors if not any(word in text for word in told)] == []


@pytest.fixture
def session(tmp_path: Path) -> Iterator[tuple[Started, str]]:
    """A bench of both that waits for its customer, and where its panel is."""
    (tmp_path / "bench.yaml").write_text(BENCH)
    words = [*PLUGFEST, "run", str(tmp_path / "bench.yaml"), "--web", "127.0.0.1:0", "--plain"]
    with started(words) as running:
        yield running, running.until("panel: http").split()[-1]


def until(page: Page, place: str, text: str) -> None:
    """Waits until there is text, a regular expression, at a place of the page."""
    page.wait_for_function(
        """([place, text]) =>
            [...document.querySelectorAll(place)].some((one) => new RegExp(text).test(one.textContent))""",
        arg=[place, text],
    )


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def act(page: Page, action: str, **fields: str) -> None:
    """Fills the form in and sends it."""
    page.select_option("#action", action)
    for name, value in fields.items():
        field = page.locator(f"#field-{name}")
        if field.evaluate("one => one.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    press(page, "Do it")
    until(page, "#answer", f"done: {action}")


def charging(page: Page, url: str) -> None:
    """Until power flows."""
    page.goto(url)
    until(page, "#state", "^Authorization$")
    press(page, "Authorize")
    until(page, "#state", "^CurrentDemand$")


def picture(page: Page, name: str, tmp_path: Path, **options: Any) -> None:
    page.screenshot(path=(IMAGES or tmp_path) / f"{name}.png", **options)


@pytest.mark.netns
@needs_browser
def test_a_session_is_watched_and_changed_by_two_viewers(
    session: tuple[Started, str], page: Page, browser: Browser, tmp_path: Path
) -> None:
    """Limits, state of charge and a deviation change the session; viewers see each other's; text stays text."""
    running, url = session
    charging(page, url)
    with browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark") as other:
        other.set_default_timeout(CEILING * 1000)
        other.goto(url)
        until(other, "#state", "^CurrentDemand$")
        act(page, "limit", by="charger", **{"max-current": "50"})
        until(page, ".curve .value", r"^(49|50)\.\d A$")
        until(other, "#rows .action", "limit max-current=50")
        act(other, "soc", percent="61")
        until(page, ".curve .value", r"^61\.\d %$")
        act(page, "deviate", message="CurrentDemandRes", delay="0.01")
        until(page, "#rows .action", "CurrentDemandRes: 0.01 s late")
        assert page.locator("#rows .action", has_text="0.01 s late").count() == 1
        page.locator("summary", has_text="SessionSetupRes").first.click()
        until(page, "#rows pre", re.escape(HOSTILE))
        assert page.locator("img").count() == 0
        act(page, "limit", by="charger", **{"max-current": "200"})
        until(page, ".curve .value", r"^(199|200)\.\d A$")
        until(page, "summary", "more messages of CurrentDemand")
        page.locator("summary", has_text="SessionSetupRes").first.click()
        page.locator("#rows").evaluate("one => one.scrollTop = one.scrollHeight")
        for each in (page, other):
            each.evaluate("scrollTo(0, 0)")
        picture(page, "panel", tmp_path)
        picture(other, "panel-phone", tmp_path)
        assert other.evaluate("document.documentElement.scrollWidth") <= 390  # nothing is wider than the phone
        press(page, "Stop (driver)")
        for each in (page, other):
            until(each, "#ended", "vehicle: completed; charger: completed")
            until(each, "#connection", "the session is over")
            until(each, "#outcomes", "vehicle: completed .*kWh")
        assert page.locator("#quick button").first.is_disabled()
    page.goto("about:blank")  # the last page is closed, and the program ends
    assert "vehicle: session completed" in running.end()
    assert running.process.returncode == 0


@pytest.mark.netns
@needs_browser
@pytest.mark.parametrize(
    ("button", "ended", "code"),
    sampled(
        [
            ("Emergency stop", "EVSE_EmergencyShutdown", 7),
            ("Unplug", "pilot went to A", 7),
            ("Stop (charger)", "vehicle: completed", 0),
            ("Pause", "vehicle: paused", 0),
        ],
        4,
    ),
)
def test_each_button_ends_a_session_as_its_action_does(
    session: tuple[Started, str], page: Page, button: str, ended: str, code: int
) -> None:
    """What went wrong is on the page with its cause, and in the exit code."""
    running, url = session
    charging(page, url)
    press(page, button)
    until(page, "#answer", "^done: ")
    until(page, "#ended", ended)
    until(page, "#outcomes", "vehicle")
    page.goto("about:blank")
    said = running.end()
    assert running.process.returncode == code, said
    assert ("paused" in said) is (button == "Pause")


@pytest.mark.netns
@needs_browser
def test_a_customer_is_refused_from_the_keyboard(session: tuple[Started, str], page: Page) -> None:
    """Every control is reached by Tab and works by Enter."""
    running, url = session
    page.goto(url)
    until(page, "#state", "^Authorization$")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Refuse":
            break
    page.keyboard.press("Enter")
    until(page, "#answer", "^done: authorize accept=False")
    until(page, "#rows .action", "authorize accept=False")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Stop (driver)"
    page.keyboard.press("Enter")
    until(page, "#ended", "stopped by the driver before charging")
    page.goto("about:blank")
    running.end()
    assert running.process.returncode == 7


@pytest.mark.netns
@needs_browser
def test_a_recording_is_dropped_and_its_report_read(session: tuple[Started, str], page: Page, tmp_path: Path) -> None:
    """Dropped or chosen; what is not a recording is one line, and the session goes on meanwhile."""
    trace = tmp_path / "visit.jsonl"
    assert (
        run([*PLUGFEST, "demo", "--fast", "--no-slac", "--quiet", "--duration", "1", "--trace", str(trace)]).returncode
        == 0
    )
    running, url = session
    charging(page, url)
    dropped = page.evaluate_handle(
        "([name, text]) => { const data = new DataTransfer(); data.items.add(new File([text], name)); return data; }",
        ["visit.jsonl", trace.read_text()],
    )
    page.dispatch_event("body", "dragenter", {"dataTransfer": dropped})
    assert page.locator("#drop").is_visible()
    page.dispatch_event("body", "drop", {"dataTransfer": dropped})
    until(page, "#report-text", "passed|completed|session")
    frame = page.frame_locator("#report-frame")
    frame.locator("text=CurrentDemandReq").first.wait_for(state="attached")
    press(page, "Close")
    (tmp_path / "none.pcap").write_text("this is not a capture")
    page.set_input_files("#file", tmp_path / "none.pcap")
    until(page, "#report-text", "none.pcap")
    assert page.locator("#report-frame").is_hidden()
    press(page, "Close")
    press(page, "Stop (driver)")
    until(page, "#ended", "vehicle: completed")
    running.until("the panel stays open at")
    running.process.send_signal(2)
    running.end()
    assert running.process.returncode == 0  # of the session, not of Ctrl-C
    until(page, "#connection", "the program has ended")


@pytest.mark.netns
@needs_browser
def test_a_campaign_fills_its_table(page: Page, tmp_path: Path) -> None:
    """A row for each run with its verdict; the evidence is a click away, and stays within its folder."""
    words = [
        "conformance",
        "run",
        "--sut",
        "secc",
        "--protocol",
        "din",
        "-k",
        "V2GTP",
        "--out",
        str(tmp_path / "out"),
    ]
    with started([*PLUGFEST, *words, "--web", "127.0.0.1:0"]) as running:
        url = running.until("panel: http").split()[-1]
        page.goto(url)
        until(page, "#progress", "The campaign is over")
        assert page.locator("#runs tr").count() >= 1
        until(page, "#runs .verdict", "pass")
        picture(page, "campaign", tmp_path)
        with page.context.expect_page() as opened:
            page.locator("#runs a", has_text="evidence").first.click()
        evidence = opened.value
        assert "trace" in evidence.content() or "jsonl" in evidence.content()
        evidence.close()
        page.goto("about:blank")
        running.end()
        assert running.process.returncode == 0


@pytest.mark.netns
@needs_browser
@pytest.mark.skipif(not AVAILABLE, reason=REASON)
def test_a_lab_is_paused_woken_broken_and_plugged_in_again(page: Page) -> None:
    """Over real sockets, and from one session to the next without a look at the terminal."""
    brisk = ["--set", "charger.test-seconds=0.2", "--set", "charger.volts-per-second=5000", "--loop-delay", "0.05"]
    words = [*PLUGFEST, "lab", "--name", f"w{os.getpid()}", "--no-slac", "--sleep", *brisk, *PATIENT]
    with started([*words, "--web", "127.0.0.1:0", "--plain"]) as running:
        page.goto(running.until("panel: http").split()[-1])
        for side in ("vehicle", "charger"):
            until(page, "#state", "^CurrentDemand$")
            press(page, "Pause")
            until(page, "#outcomes", "vehicle: paused")
            running.until("asleep")
            until(page, "#state", "^paused$")
            until(page, "#links", "vehicle *asleep")
            press(page, f"Wake ({side})")
            until(page, "#answer", "^done: wake")
            until(page, "#state", "^[A-Z]")
            assert not re.search("asleep|awake", page.inner_text("#links"))
        until(page, "#state", "^CurrentDemand$")
        act(page, "fault", fault="malfunction")
        until(page, "#ended", "EVSE_Malfunction")
        press(page, "Repair all")
        until(page, "#answer", "^done: repair")
        running.until("unplugged; plug starts another session")
        press(page, "Plug in")
        until(page, "#state", "^CurrentDemand$")
        press(page, "Stop (charger)")
        until(page, "#ended", "vehicle: completed; charger: completed")
        running.process.send_signal(2)
        page.goto("about:blank")
        running.end()


@pytest.mark.netns
@needs_browser
@pytest.mark.skipif(not AVAILABLE, reason=REASON)
def test_each_role_has_a_panel_of_its_own(page: Page, browser: Browser, tmp_path: Path) -> None:
    """The charger's is there before a vehicle is; each offers what its role can do; both show the same session."""
    pilot = f"sim:{tmp_path / 'wire'}"
    with link("pfweb") as made:
        charger = ["secc", "-i", f"{made.secc}/{made.secc_if}", "--set", "charger.authorization=customer"]
        vehicle = ["evcc", "-i", f"{made.evcc}/{made.evcc_if}", "--loop-delay", "0.05"]
        shared = ["--no-slac", "--pilot", pilot, "--plain", "--web", "127.0.0.1:0", *PATIENT]
        with started([*PLUGFEST, *charger, "--sessions", "1", *shared], until="charger ready") as post:
            page.goto(next(line for line in post.lines if "panel: http" in line).split()[-1])
            until(page, "#title", "^charger$")
            until(page, "#connection", "^live$")
            with started([*PLUGFEST, *vehicle, *shared]) as car, browser.new_page() as other:
                other.set_default_timeout(CEILING * 1000)
                other.goto(car.until("panel: http").split()[-1])
                for each in (page, other):
                    until(each, "#state", "^Authorization$")
                assert other.get_by_role("button", name="Authorize").count() == 0
                press(page, "Authorize")
                for each in (page, other):
                    until(each, "#state", "^CurrentDemand$")
                assert page.get_by_role("button", name="Stop (driver)").count() == 0
                press(other, "Stop (driver)")
                until(other, "#ended", "vehicle: completed")
                until(page, "#ended", "charger: completed")
                page.goto("about:blank")
                other.goto("about:blank")
                car.end()
            post.end()


@pytest.mark.netns
@needs_browser
@pytest.mark.parametrize(
    ("end", "said"), [("abandon", "trying again|refused"), ("stop", "the program has ended")], ids=["lost", "ended"]
)
def test_a_page_comes_back_after_its_program(page: Page, end: str, said: str) -> None:
    """The connection breaks, or the program ends, and the page finds what runs now at the same place, each row once."""
    from plugfest.web.server import Server

    hub = Hub({"title": "one", "kind": "session", "role": "both", "actions": []})
    first = Server(Address.parse(":0"), hub)
    first.start()
    url = first.url
    hub.row({"time": 1.0, "kind": "note", "name": "first"})
    page.goto(url)
    until(page, "#rows", "first")
    page.evaluate("window.stays = true")
    hub.about["title"] = "two"
    getattr(first, end)()
    until(page, "#connection", said)
    second = Server(Address.parse(url.removeprefix("http://").rstrip("/")), hub)
    second.start()
    try:
        until(page, "#title", "two")
        until(page, "#connection", "^live$")
        assert page.locator("#rows .row").count() == 1
        assert page.evaluate("window.stays")
    finally:
        second.stop()


# -- without a browser ------------------------------------------------------------------------------------------------


@pytest.fixture
def served() -> Iterator[tuple[Any, Hub, int]]:
    """A server with a hub, and its port."""
    from plugfest.web.server import Server

    hub = Hub({"title": "test"}, lambda facts: {"ok": True, "done": facts["do"]})
    server = Server(Address.parse("127.0.0.1:0"), hub)
    server.start()
    try:
        yield server, hub, int(server.url.rsplit(":", 1)[1].rstrip("/"))
    finally:
        server.stop()


def ask(port: int, path: str, *, method: str = "GET", body: str | None = None, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CEILING)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


@needs_web
@pytest.mark.netns
def test_foreign_pages_and_names_are_refused(served: tuple[Any, Hub, int]) -> None:
    """DNS rebinding, another origin, a form of another page; the page itself is served and may act."""
    _, _, port = served
    own = f"http://127.0.0.1:{port}"
    page = ask(port, "/")
    assert page[0] == 200
    assert "<script" in page[1]
    assert "style=" not in page[1]
    assert ask(port, "/", Host="evil.example")[0] == 403
    assert ask(port, "/events", Host=f"evil.example:{port}")[0] == 403
    assert ask(port, "/static/panel.js", Origin="http://evil.example")[0] == 403
    assert ask(port, "/", Sec_Fetch_Site="cross-site")[0] == 403
    act = {"method": "POST", "body": '{"do": "stop"}'}
    assert ask(port, "/act", **act)[0] == 403
    assert ask(port, "/act", **act, X_Plugfest="1", Origin="http://127.0.0.1:1")[0] == 403
    assert ask(port, "/act", **act, X_Plugfest="1", Origin=own) == (200, '{"ok": true, "done": "stop"}')
    assert ask(port, "/act", method="POST", body="{" * 20_000, X_Plugfest="1")[0] == 400
    assert ask(port, "/static/../app.py")[0] == 404
    assert ask(port, "/static/%2e%2e%2fapp.py")[0] == 404


@needs_web
@pytest.mark.netns
def test_evidence_stays_within_its_folder(tmp_path: Path) -> None:
    """Neither dots nor links lead out of it; names are escaped."""
    from plugfest.web.server import Server

    folder = tmp_path / "out"
    (folder / "cases" / "<b>").mkdir(parents=True)
    (folder / "cases" / "<b>" / "log.txt").write_text("seen")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    server = Server(Address.parse("127.0.0.1:0"), Hub({"title": "test"}), folder)
    server.start()
    try:
        port = int(server.url.rsplit(":", 1)[1].rstrip("/"))
        assert ask(port, "/evidence/cases/%3Cb%3E/log.txt") == (200, "seen")
        assert "&lt;b&gt;" in ask(port, "/evidence/cases")[1]
        for path in ("../secret.txt", "%2e%2e/secret.txt", "cases/%2e%2e/%2e%2e/secret.txt", "link.txt", "/etc/passwd"):
            assert ask(port, f"/evidence/{path}") == (404, "there is no such file"), path
    finally:
        server.stop()


@needs_web
@pytest.mark.netns
def test_off_loopback_the_token_is_needed() -> None:
    """In the URL first, then in a cookie; a wrong one is refused."""
    from plugfest.web.server import Server

    server = Server(Address.parse("0.0.0.0:0"), Hub({"title": "test"}))
    server.start()
    try:
        place, _, token = server.url.partition("?token=")
        assert "0.0.0.0" not in place  # a browser elsewhere could do nothing with it
        port = int(place.rsplit(":", 1)[1].rstrip("/"))
        assert len(token) >= 20
        for path in ("/", "/events", "/static/panel.js", "/?token=wrong"):
            assert ask(port, path)[0] == 403
        assert ask(port, f"/?token={token}")[0] == 303
        assert ask(port, "/", Cookie=f"plugfest-token={token}")[0] == 200
    finally:
        server.stop()


@needs_web
@pytest.mark.netns
def test_a_viewer_that_does_not_read_is_dropped(served: tuple[Any, Hub, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub accepts any number of events at once, and keeps a bounded part; another viewer gets it."""
    from plugfest.web import app

    monkeypatch.setattr(app, "STALLED", 0.2)
    server, hub, port = served
    with socket.socket() as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        stalled.connect(("127.0.0.1", port))
        stalled.sendall(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        wait(lambda: server.viewers == 1, "the viewer")
        filling = threading.Event()

        def fill() -> None:
            for number in itertools.count():
                if filling.is_set():
                    return
                for _ in range(50):
                    hub.row({"time": float(number), "kind": "note", "name": "x" * 4000})
                filling.wait(0.01)

        feeding = threading.Thread(target=fill)
        feeding.start()
        try:
            wait(lambda: server.viewers == 0, "that it is dropped")
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CEILING)
            connection.request("GET", "/events")
            assert b"about" in connection.getresponse().read(400)
            connection.close()
        finally:
            filling.set()
            feeding.join()
    assert len(hub.since(Seen(0, 0, 0, 0)).get("rows", ())) <= ROWS


@pytest.mark.parametrize("text", ["nowhere.example:80", "127.0.0.1:99999", "1.2.3.4:x", "[::1", "a b"])
def test_an_invalid_address_is_one_line(text: str) -> None:
    """It says what an address is like."""
    with pytest.raises(UserError, match="give ADDRESS:PORT, such as"):
        Address.parse(text)


@pytest.mark.parametrize(
    ("text", "host", "port", "token"),
    [
        ("", "127.0.0.1", 8351, False), (":9000", "127.0.0.1", 9000, False), ("9000", "127.0.0.1", 9000, False),
        ("localhost:1", "localhost", 1, False), ("[::1]:80", "::1", 80, False), ("[::1]", "::1", 8351, False),
        ("192.168.1.5", "192.168.1.5", 8351, True), ("0.0.0.0:80", "0.0.0.0", 80, True), ("[::]:80", "::", 80, True),
    ],
)  # fmt: skip
def test_addresses(text: str, host: str, port: int, token: bool) -> None:
    """Only the loopback interface needs no token."""
    made = Address.parse(text)
    assert (made.host, made.port, bool(made.token)) == (host, port, token)


def test_what_is_lost_is_counted() -> None:
    """A viewer that is late learns how many rows it has missed, and gets the rest in batches."""
    hub = Hub()
    for number in range(ROWS + 30):
        hub.row({"time": float(number)})
    seen, times = Seen(), []
    assert hub.since(seen)["lost"] == 30
    while rows := hub.since(seen).get("rows"):
        times += [row["time"] for row in rows]
    assert times[-1] == ROWS + 29
    assert "state" not in hub.since(seen)


def test_the_page_offers_the_actions_of_the_bench() -> None:
    """All of the timeline's where both roles run; elsewhere those that one role can do, with its choices."""
    both = {one["do"]: one for one in actions.of_role("both")}
    assert set(both) == set(kinds())
    assert all(one["about"] and "`" not in one["about"] for one in both.values())
    car = {one["do"]: one for one in actions.of_role("evcc")}
    assert {"soc", "stop", "unplug", "deviate"} <= set(car)
    assert not {"authorize", "derate", "plug", "reactive-power"} & set(car)
    assert [field["choices"] for field in car["fault"]["fields"] if field["name"] == "fault"] == [["error", "welded"]]
    assert [field["choices"] for field in car["stop"]["fields"] if field["name"] == "by"] == [["vehicle"]]


def test_findings_have_the_time_of_their_row() -> None:
    """A recording counts from its first event, the page from the start of the program."""
    commands = Commands("both", lambda step: "", lambda step: None)
    panel = Panel(":0", "both", "test", dict, commands, lambda text: None)
    panel.observe(Event(101.5, "error", "late", note="too late"))
    panel.observe(Event(101.6, "slac", "VS_NW_INFO.REQ", "tx", b"x"))
    panel.observe(Event(101.7, "slac", "CM_SLAC_PARM.REQ", "tx", b"x"))
    judged: Any = SimpleNamespace(findings=[Finding(1.5, "warning", "secc", "late", "too late")])
    panel.end({}, judged, 100.0, 102.0)
    news = panel.hub.since(Seen())
    assert [row["name"] for row in news["rows"]][:-1] == ["error: late too late", "CM_SLAC_PARM.REQ"]
    assert news["state"]["findings"][0]["time"] == news["rows"][0]["time"] == 101.5


def test_virtual_time_has_no_panel(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, which says what to leave out."""
    assert cli.main(["demo", "--fast", "--web"]) == 2
    assert "a panel needs real time" in capsys.readouterr().err


def test_without_the_extra_it_is_one_line() -> None:
    """Which says what to install; nothing has begun. In a process of its own: here a browser's loop may be running."""
    code = "import sys; sys.modules['uvicorn'] = None; import plugfest.cli as c; sys.exit(c.main(sys.argv[1:]))"
    words = [sys.executable, "-c", code, "demo", "--no-slac", "--web", ":0"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "plugfest: --web needs starlette and uvicorn: pip install 'plugfest[web]'\n"
    assert "SessionSetupReq" not in done.stdout
