"""What a function says when it refuses its arguments."""

import pytest

from kerasapp.errors import ConfigError


def refusal(function, *arguments):
    """The message of the ConfigError, which is one line."""
    with pytest.raises(ConfigError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)
