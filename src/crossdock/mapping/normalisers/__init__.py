"""One spelling for one thing: money, phone numbers, countries, instants and text, however a platform writes them.

Plain functions over JSON values, callable from maps (`crossdock.mapping.functions`). What says nothing (null, blank
text) stays null; what cannot be read for certain raises `Unreadable` instead of being guessed.
"""
