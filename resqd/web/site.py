"""The WSGI application: every request passes the same doors in the same order."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from resqd import events
from resqd.errors import StoreError
from resqd.text import escaped
from resqd.web import routes
from resqd.web.assets import Assets
from resqd.web.desk import Desk
from resqd.web.http import Environ, HttpError, Page, Request, Response, link, read_request
from resqd.web.render import PARTS, Frame, Renderer
from resqd.web.security.access import Access, ByCaller
from resqd.web.security.guard import check_act, check_host, headers, host_name
from resqd.web.security.sessions import Sessions

if TYPE_CHECKING:
    from resqd.app import App

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


def wsgi(
    app: App,
    *,
    auth: Callable[[Environ], str | None],
    hosts: Sequence[str] | None = None,
    read_only: bool = False,
    hide_arguments: bool = False,
    secret: str | None = None,
    remote_secret: str | None = None,
) -> Site:
    """The pages of `app` for a program that mounts them.

    `auth` gives the user's name for a WSGI environment, or None for who may not come in. `hosts` are the names by
    which the server may be called; None where the program in front checks that. `secret` signs the tokens of forms:
    programs of several processes give the same one to all. `remote_secret`, which is the daemons' RESQD_SECRET, signs
    acts on them.
    """
    sessions = Sessions(None if secret is None else secret.encode())
    return Site(
        desk=Desk.of(app, hide_arguments=hide_arguments, secret=remote_secret),
        access=[ByCaller(auth)],
        sessions=sessions,
        hosts=None if hosts is None else [host_name(host) for host in hosts],
        read_only=read_only,
    )


class Site:
    """Answers requests; threads may share it."""

    def __init__(
        self,
        *,
        desk: Desk,
        access: Sequence[Access],
        sessions: Sessions,
        hosts: Sequence[str] | None,
        read_only: bool,
    ) -> None:
        self.desk = desk
        self._access = access
        self._sessions = sessions
        self._hosts = hosts
        self._read_only = read_only
        self._assets = Assets()
        self._renderer = Renderer()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        nonce = secrets.token_urlsafe(16)
        response = self._answer(environ, nonce)
        sent = [*response.headers, *headers(nonce), ("Content-Length", str(len(response.body)))]
        start_response(f"{response.status.value} {response.status.phrase}", sent)
        return [b"" if environ.get("REQUEST_METHOD") == "HEAD" else response.body]

    def _answer(self, environ: Environ, nonce: str) -> Response:
        request = Request("GET", "/", str(environ.get("SCRIPT_NAME", "")).rstrip("/"), {}, {}, environ)
        try:
            request = read_request(environ)
            check_host(request, self._hosts)
            if request.path.startswith("/static/"):
                return self._asset(request)
            return self._let_in(request, nonce)
        except HttpError as error:
            return self._problem(request, nonce, error)
        except StoreError as error:
            problem = HttpError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                escaped(f"{error}."),
                "Jobs that run go on, and nothing is lost; this page tries again by itself.",
            )
            return self._problem(request, nonce, problem)
        except Exception:  # noqa: BLE001 - the request's boundary; it is logged, and the server goes on
            events.Web.page_failed(path=escaped(request.path))
            problem = HttpError(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "This page has a defect.",
                "The log of the web server has its traceback; please report it.",
            )
            return self._problem(request, nonce, problem)

    def _asset(self, request: Request) -> Response:
        found = self._assets.answer(request)
        if found is None:
            raise HttpError(HTTPStatus.NOT_FOUND, "There is no such file.")
        return found

    def _let_in(self, request: Request, nonce: str) -> Response:
        for way in self._access:
            if (entered := way.enter(request)) is not None:
                return entered
        user = next((user for way in self._access if (user := way.who(request))), None)
        if user is None:
            raise HttpError(
                HTTPStatus.UNAUTHORIZED,
                "You are not signed in.",
                " ".join(way.remedy for way in self._access),
            )
        request.environ["resqd.user"] = user
        return (
            self._act(request, user, nonce) if request.method == "POST" else self._show(request, user, nonce)
        )

    def _show(self, request: Request, user: str, nonce: str) -> Response:
        handler = routes.PAGES.get(request.path)
        if handler is None:
            raise HttpError(
                HTTPStatus.NOT_FOUND, "There is no such page.", "The pages stand beside this text."
            )
        if request.method not in {"GET", "HEAD"}:
            raise HttpError(HTTPStatus.METHOD_NOT_ALLOWED, "Pages are read with GET.")
        return self._rendered(handler(self.desk, request), request, user, nonce)

    def _act(self, request: Request, user: str, nonce: str) -> Response:
        check_act(request, token=self._sessions.form_token(user), read_only=self._read_only)
        handler = routes.ACTS.get(request.path)
        if handler is None:
            raise HttpError(HTTPStatus.NOT_FOUND, "There is no such act.", "Nothing was changed.")
        result = "refused"
        try:
            page = handler(self.desk, request)
            result = "done"
        finally:
            events.Web.act(
                user=user, act=request.path, fields=_audited(request), remote=request.remote, result=result
            )
        return self._rendered(page, request, user, nonce)

    def _rendered(self, page: Page, request: Request, user: str, nonce: str) -> Response:
        if page.goto:
            return Response.see(request.root + page.goto)
        frame = self._frame(request, user, nonce, with_look=True)
        if not request.wants_part:
            return Response.html(self._renderer.page(page, frame), page.status)
        if request.wants_part not in PARTS:
            raise HttpError(HTTPStatus.NOT_FOUND, "The page has no such part.")
        return Response.html(self._renderer.part(page, frame, request.wants_part), page.status)

    def _problem(self, request: Request, nonce: str, error: HttpError) -> Response:
        frame = self._frame(request, str(request.environ.get("resqd.user", "")), nonce, with_look=False)
        context = {"status": error.status, "problem": error.problem, "remedy": error.remedy}
        challenges = [way.challenge for way in self._access if way.challenge]
        asked = [("WWW-Authenticate", text) for text in challenges if error.status == HTTPStatus.UNAUTHORIZED]
        return Response.html(self._renderer.page(Page("problem.html", context), frame), error.status, asked)

    def _frame(self, request: Request, user: str, nonce: str, *, with_look: bool) -> Frame:
        query = {
            name: values[-1] for name, values in request.query.items() if name not in {"part", "done", "n"}
        }
        return Frame(
            root=request.root,
            path=request.path,
            here=request.root + link(request.path, **query),
            nonce=nonce,
            user=user,
            form_token=self._sessions.form_token(user) if user else "",
            read_only=self._read_only,
            look=self.desk.looks.look() if with_look else None,
            done=request.asked("done"),
            number=request.number("n", 0),
            refused=request.number("refused", 0),
        )


def _audited(request: Request) -> str:
    """The act's fields for the audit, on one line; tokens are left out."""
    told = {name: values for name, values in request.form.items() if name not in {"token_of_form", "typed"}}
    pairs = (f"{name}={escaped(','.join(values)[:200])}" for name, values in sorted(told.items()))
    return " ".join(pairs)[:1_000]
