"""Whose data it is. Cross-references belong to an account: a connection that leads to another is not the same."""

from __future__ import annotations

from crossdock.core.errors import CredentialError
from crossdock.core.secret import Credential
from crossdock.core.work import CellWrite, Work
from crossdock.engine.context import Context


async def check_account(
    context: Context, name: str, credential: Credential, *, declared: str = "", new: bool = False
) -> None:
    """Before the credential is used: does it lead where the connection has always led? `declared` is what the project
    says, `new` that a person means the change. What it leads to is remembered; what leads nowhere yet is left alone.
    Raises CredentialError."""
    try:
        account = context.connection(name).connector.account(credential)
    except CredentialError:
        return
    if declared and declared != account:
        raise CredentialError(
            f"{name} is connected to {account}, but the project says {declared}",
            hint=f"connect it to the right one: crossdock connect {name}",
        )
    cell = await context.store.cell(f"account/{name}")
    before = cell.value.decode() if cell is not None else ""
    if before == account:
        return
    if before and not new:
        raise CredentialError(
            f"{name} leads to {account} now; until now it was {before}, and what is linked belongs there",
            hint=f"if that is meant: --new-account {name}",
        )
    await context.store.apply(Work(context.work_id(), cells=(CellWrite(f"account/{name}", account.encode()),)))
