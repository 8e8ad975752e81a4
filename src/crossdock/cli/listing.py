"""A group of commands about rows that are listed: without a command, it lists them."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class Listing(TyperGroup):
    """`crossdock holds --flow NAME` is `crossdock holds list --flow NAME`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        helps = any(word in ctx.help_option_names for word in args[:1])
        says_what = bool(args) and not args[0].startswith("-")
        return super().parse_args(ctx, args if says_what or helps else ["list", *args])
