import pytest

from crossdock.connectors import load, names
from crossdock.core.connector import Connector
from crossdock.core.errors import CrossdockError


def test_every_name_loads_a_connector_of_that_name() -> None:
    for name in names():
        found = load(name)
        assert issubclass(found, Connector)
        assert found.name == name
        assert found.title


def test_a_misspelt_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(CrossdockError) as error:
        load("quickbook")
    assert "did you mean 'quickbooks'?" in error.value.hint
    assert "http" in error.value.hint
