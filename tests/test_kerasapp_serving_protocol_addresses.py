"""Addresses as texts; tests/test_kerasapp_serving_client_rest.py has those that are given to a client."""

import pytest

from kerasapp.serving.protocol.addresses import check_port, is_loopback, join_address, parse_address
from kerasapp.serving.protocol.errors import ServingError


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("localhost:8500", True),
        ("127.0.0.1:8500", True),
        ("127.8.8.8:1", True),
        ("[::1]:8500", True),
        ("10.0.0.1:8500", False),
        ("0.0.0.0:8500", False),
        ("localhost.example.org:8500", False),
        ("127.0.0.1.example.org:8500", False),
    ],
)
def test_what_is_this_machine_itself(address, here):
    assert is_loopback(address) == here


@pytest.mark.parametrize(("host", "text"), [("h", "h:7"), ("10.0.0.1", "10.0.0.1:7"), ("::1", "[::1]:7")])
def test_host_and_port_as_a_text_that_can_be_read_again(host, text):
    assert join_address(host, 7) == text and parse_address(text, ("http",), 1) == ("http", text)


def test_ports():
    check_port("h", 0, "--rest-port")
    check_port("h", 65535, "--rest-port")
    for port in (-1, 65536):
        said = f"cannot listen on h, port {port}: a port is 0 to 65535; try another --grpc-port"
        with pytest.raises(ServingError) as caught:
            check_port("h", port, "--grpc-port")
        assert str(caught.value) == said


def test_an_address_that_is_wrong_is_told_with_the_forms_that_there_are():
    with pytest.raises(
        ValueError, match="'ftp://h' is not a server's address, HOST:PORT or http://HOST:PORT"
    ):
        parse_address("ftp://h", ("http",), 8501)
