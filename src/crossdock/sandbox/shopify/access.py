"""Who may see what: scopes, and the sixty days that an app sees without `read_all_orders`.

Source: shopify.dev, "Access scopes".
"""

from dataclasses import dataclass
from typing import Final

from graphql import GraphQLError

from crossdock.sandbox.shopify.order import Order

RECENT_S: Final = 60 * 86_400
DEFAULT_SCOPES: Final = ("read_all_orders", "read_customers", "read_orders", "read_products")


@dataclass(frozen=True)
class Access:
    scopes: frozenset[str]

    def holds(self, scope: str) -> bool:
        """A write scope implies the read scope of the same resource."""
        return scope in self.scopes or scope.replace("read_", "write_", 1) in self.scopes

    def require(self, scope: str, field: str) -> None:
        """Raises the platform's ACCESS_DENIED, which leaves the field null and the rest of the answer whole."""
        if not self.holds(scope):
            wanted = f"`{scope}` access scope."
            raise GraphQLError(
                f"Access denied for {field} field. Required access: {wanted}",
                extensions={
                    "code": "ACCESS_DENIED",
                    "documentation": "https://shopify.dev/api/usage/access-scopes",
                    "requiredAccess": wanted,
                },
            )

    def sees(self, order: Order, now: float) -> bool:
        return order.created_at >= now - RECENT_S or self.holds("read_all_orders")
