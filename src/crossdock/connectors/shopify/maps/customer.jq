# A customer → customer.
renamed_customer | customer_event
