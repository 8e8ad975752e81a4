# A product → one product for each variant.
renamed_product
| . as $product
| .variants[]
| {
    model: "product",
    verb: ($product | verb),
    id: .id,
    version: $product.updated,
    data: (
      { sku: (.sku | short(255)),
        title: ($product.title | short(1000)),
        variant_title: (if .title == "Default Title" then null else .title | short(1000) end),
        group: { key: entity_key("product_group"; $product.id) },
        kind: (if $product.gift_card then "gift_card" else "goods" end),
        price: price(.price; shop_currency),
        taxable: .taxable,
        vendor: ($product.vendor | short(255)),
        category: ($product.category | short(255)),
        status: (if $product.status == "unlisted" then "active" else $product.status end),
        tags: $product.tags }
      | present)
  }
