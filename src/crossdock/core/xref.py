"""Cross-references: which record in which account is this entity."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class LinkState(StrEnum):
    CLAIMED = "claimed"
    """an effect is creating the record"""
    LINKED = "linked"
    MOVED = "moved"
    """the platform keeps it in another entity's record (a merge, a shared e-mail address): see `moved_to`"""


class CrossReference(Struct, frozen=True, gc=False):
    """(account, model, key) and (account, model, remote id) are each unique."""

    account: str
    model: str
    key: str
    state: LinkState
    remote_id: str = ""
    effect_id: str = ""
    """who claimed it, or who wrote it last"""
    version: str = ""
    """the platform's own version of the record as last written or read (SyncToken, updatedAt)"""
    fingerprint: str = ""
    """hash of the canonical values that the hub last wrote: an equal inbound event is its echo"""
    moved_to: str = ""
    """with `moved`: the key of the entity whose record holds this one now; `remote_id` is then \"\""""
    trail: str = ""
    """accounts (comma-separated) through which the written fact had come: where its echo must not go back to"""
    updated_at: float = 0.0
