"""Who comes in and what may be done: foreign sites, other names, forged forms, readers who may not write."""

import logging

import pytest

from resqd import App
from resqd.web import wsgi
from resqd.web.desk import Desk
from resqd.web.routes import ACTS, PAGES
from resqd.web.security.access import ByPassword, ByToken
from resqd.web.security.passwords import Passwords, hash_of
from resqd.web.security.sessions import Sessions
from resqd.web.site import Site
from tests.support.web_client import WebClient


def test_nobody_sees_anything_without_a_name(app: App) -> None:
    """Every page and act answers 401, and the list of them is the table of routes."""
    reader = WebClient(wsgi(app, auth=lambda _: None))
    for path in PAGES:
        assert reader.get(path).status == 401
    for path in ACTS:
        assert reader.post(path, []).status == 401


def test_another_name_of_the_host_is_refused(reader: WebClient) -> None:
    """A name that an attacker's DNS leads to this address gets 421, static files included."""
    for path in ("/", "/static/style.css"):
        assert reader.get(path, HTTP_HOST="evil.example:9292").status == 421
        assert reader.get(path, HTTP_HOST="LOCALHOST").status == 200
    assert reader.post("/queue/clear", [], HTTP_HOST="evil.example").status == 421


@pytest.mark.parametrize("act", sorted(ACTS))
def test_no_other_site_can_act(reader: WebClient, act: str) -> None:
    """Neither from another origin, nor from a subdomain, nor with a form that is not of this session."""
    token = dict(reader.get("/failed/all/remove").fields("/failed/all/remove"))["token_of_form"]
    right = [("token_of_form", token)]
    refused = [
        reader.post(act, right, HTTP_SEC_FETCH_SITE="cross-site"),
        reader.post(act, right, HTTP_SEC_FETCH_SITE="same-site"),
        reader.post(act, right, HTTP_SEC_FETCH_SITE="none"),
        reader.post(act, right, HTTP_ORIGIN="http://evil.example"),
        reader.post(act, right, HTTP_ORIGIN="null"),
        reader.post(act, []),
        reader.post(act, [("token_of_form", "0" * 64)]),
    ]
    assert [answer.status for answer in refused] == [403] * 7
    own = reader.post(act, right, HTTP_ORIGIN="http://localhost:9292")
    assert own.status != 403


def test_another_users_form_is_no_good(site: Site) -> None:
    """The token of a form is its user's."""
    token = WebClient(site).get("/failed/all/remove").fields("/failed/all/remove")
    mallory = WebClient(site, **{"test.user": "mallory"})
    assert mallory.post("/failed/all/remove", token).status == 403


def test_pages_change_nothing(reader: WebClient, app: App) -> None:
    """What a POST does a GET only asks, and what is no page is none."""
    app.enqueue_to("exports", "Export", 1)
    assert reader.get("/queue/clear?name=exports&typed=exports").status == 200
    assert app.size("exports") == 1
    assert reader.get("/failed/stop").status == 404


def test_a_reader_only_reads(app: App) -> None:
    """With read_only no act is offered and none is done."""
    app.enqueue_to("exports", "Export", 1)
    open_site = wsgi(app, auth=lambda _: "ada", secret="s")
    reader = WebClient(wsgi(app, auth=lambda _: "ada", read_only=True, secret="s"))
    page = reader.page("/queue", name="exports")
    assert page.links("/queue/clear") == []
    assert '<form method="post"' not in page.text
    fields = WebClient(open_site).get("/queue/clear?name=exports").fields("/queue/clear")
    assert reader.post("/queue/clear", [*fields, ("typed", "exports")]).status == 403
    assert app.size("exports") == 1


def test_every_answer_says_what_a_page_may_do(reader: WebClient) -> None:
    """Scripts run by this answer's nonce alone, nothing frames the page, and there is no inline script or style."""
    answers = [reader.get(path) for path in ("/", "/failed", "/nope", "/static/page.js")]
    nonces = []
    for answer in answers:
        policy = answer.header("Content-Security-Policy") or ""
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        nonce = policy.partition("'nonce-")[2].partition("'")[0]
        nonces.append(nonce)
        if "<html" in answer.text:
            scripts = answer.text.count("<script")
            assert scripts
            assert scripts == answer.text.count(f'<script nonce="{nonce}" src=')
            assert " style=" not in answer.text
            assert " onclick=" not in answer.text
            assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
    assert len(set(nonces)) == len(answers)


def test_every_act_is_written_down(reader: WebClient, app: App, caplog: pytest.LogCaptureFixture) -> None:
    """Who, from where, what, and how it ended, on one line; refused ones too."""
    app.enqueue_to("ex\nports", "Export", 1)
    with caplog.at_level(logging.INFO, "resqd"):
        question = reader.page("/queue", name="ex\nports").links("/queue/clear")[0]
        assert reader.act(question, "/queue/clear", ("typed", "ex\\nports")).status == 303
        assert reader.act(question, "/queue/clear", ("typed", "wrong")).status == 409
    lines = [record.getMessage() for record in caplog.records if "/queue/clear" in record.getMessage()]
    assert lines == [f"ada at 127.0.0.1: /queue/clear name=ex\\nports: {end}" for end in ("done", "refused")]


def test_forms_have_a_size(reader: WebClient) -> None:
    """A body of a gigabyte is refused by its length, and another kind of body by its type."""
    assert reader.post("/queue/clear", [], CONTENT_LENGTH=str(1 << 30)).status == 413
    assert reader.post("/queue/clear", [], CONTENT_LENGTH="-1").status == 413
    assert reader.post("/queue/clear", [], CONTENT_LENGTH="x").status == 413
    assert reader.post("/queue/clear", [], CONTENT_TYPE="application/json").status == 415
    assert reader.get("/?" + "&".join(f"a{number}=1" for number in range(1_000))).status == 400


def _site(app: App, sessions: Sessions, *ways: object) -> Site:
    return Site(desk=Desk.of(app), access=ways, sessions=sessions, hosts=None, read_only=False)  # type: ignore[arg-type] # each is a way in


def test_a_token_in_the_address_serves_once(app: App) -> None:
    """It opens a session and is gone from the address; the next one is told, and the old one is no good."""
    told: list[str] = []
    sessions = Sessions()
    way = ByToken(None, sessions, renewed=told.append)
    first = way.token
    reader = WebClient(_site(app, sessions, way))
    assert reader.get("/").status == 401
    entered = reader.get(f"/queues?sort=name&token={first}")
    assert (entered.status, entered.header("Location")) == (303, "/queues?sort=name")
    cookie = entered.header("Set-Cookie") or ""
    assert "HttpOnly; SameSite=Lax" in cookie
    assert reader.get("/", HTTP_COOKIE=cookie.partition(";")[0]).status == 200
    assert reader.get(f"/?token={first}").status == 401
    assert reader.get(f"/?token={told[0]}").status == 303
    assert reader.get("/", HTTP_AUTHORIZATION=f"Bearer {told[0]}").status == 401


def test_programs_send_the_token_and_need_no_form(app: App) -> None:
    """A token that stays works as Bearer: no other site can make a browser send that."""
    app.enqueue_to("exports", "Export", 1)
    sessions = Sessions(b"t")
    program = WebClient(_site(app, sessions, ByToken("t0ken", sessions)), HTTP_AUTHORIZATION="Bearer t0ken")
    fields = [("name", "exports"), ("typed", "exports")]
    assert program.post("/queue/clear", fields, HTTP_SEC_FETCH_SITE="cross-site").status == 403
    assert program.post("/queue/clear", fields, HTTP_AUTHORIZATION="Bearer wrong").status == 401
    assert program.post("/queue/clear", fields).status == 303


def test_passwords_let_in(app: App) -> None:
    """Browsers are asked for them."""
    site = _site(app, Sessions(), ByPassword(Passwords({"ada": hash_of("pass:word")})))
    assert (WebClient(site).get("/").header("WWW-Authenticate") or "").startswith("Basic")
    for sent, status in (
        ("YWRhOnBhc3M6d29yZA==", 200),
        ("YWRhOm5v", 401),
        ("Ym9iOnBhc3M6d29yZA==", 401),
        ("%", 401),
    ):
        assert WebClient(site, HTTP_AUTHORIZATION=f"Basic {sent}").get("/").status == status
