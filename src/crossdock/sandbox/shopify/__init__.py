"""A strict Shopify shop: Admin GraphQL, OAuth and webhooks, with one app installed in it.

`order` and `shop` hold the state and its arithmetic; `changes` alters it; `rest` and `nodes` are its two
faces, webhook bodies and GraphQL objects; `validation`, `cost`, `bucket` and `execute` answer a GraphQL
request; `trade` invents the life of a shop. Where a rule is not published nor recorded, the docstring that
plays it says "unverified".
"""

from crossdock.core.errors import CrossdockError

try:
    from crossdock.sandbox.shopify.app import ShopifySimulator
except ModuleNotFoundError as error:
    if error.name != "graphql":
        raise
    raise CrossdockError(
        "The Shopify simulator needs the library graphql-core.", hint="pip install 'crossdock[sandbox]'"
    ) from None

__all__ = ["ShopifySimulator"]
