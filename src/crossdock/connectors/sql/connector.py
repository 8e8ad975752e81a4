"""Rows out to a table of SQLite or PostgreSQL, each once: the change and a mark of it commit together."""

from __future__ import annotations

from math import inf
from urllib.parse import parse_qs, urlsplit

from msgspec.structs import replace

from crossdock.connectors.sql.action import TableAction
from crossdock.connectors.sql.judge import judge_sql
from crossdock.connectors.sql.settings import SqlSettings
from crossdock.core.connector import Call, ConnectionSettings, Connector
from crossdock.core.errors import CredentialError
from crossdock.core.limits import Limit
from crossdock.core.secret import Credential, Secret
from crossdock.core.verdict import Verdict
from crossdock.core.wire import Response, Sql, Wire

AT_ONCE = 8


class SqlConnector(Connector):
    name = "sql"
    title = "Rows of a table in SQLite or PostgreSQL"
    settings_type = SqlSettings

    def __init__(self, settings: ConnectionSettings) -> None:
        assert isinstance(settings, SqlSettings)
        super().__init__(settings)
        self._settings = settings
        self._asks_password = settings.password and not settings.is_sqlite
        self.secrets = ("password",) if self._asks_password else ()
        self.limits = (Limit("requests", inf, inf, 1 if settings.is_sqlite else AT_ONCE),)
        self.actions = {name: TableAction(name, action, settings) for name, action in settings.actions.items()}

    def account(self, credential: Credential) -> str:
        """The database: whose data it is does not depend on who writes it."""
        if self._settings.is_sqlite:
            return self._settings.database
        parts = urlsplit(self._settings.database)
        asked = parse_qs(parts.query)
        host = parts.hostname or asked.get("host", ["localhost"])[0]
        port = parts.port or asked.get("port", ["5432"])[0]
        return f"{host}:{port}{parts.path}"

    def sign(self, request: Wire, credential: Credential, civil: float, nonce: str) -> Wire:
        assert isinstance(request, Sql)
        if not self._asks_password:
            return request
        if not credential.get("password"):
            raise CredentialError("the secret password is not set", hint="crossdock secrets set CONNECTION password")
        return replace(request, password=Secret(credential.get("password")))

    def judge(self, call: Call, response: Response, now: float) -> Verdict:
        return judge_sql(response, now)
