"""Where the app is served: which addresses a port can be opened at, and what to type in a browser."""

import errno
import os
import socket

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
EVERYWHERE = ("0.0.0.0", "::")  # every network this machine is in
_MISSING = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class CannotServe(ValueError):
    """The message says what came, and what to do."""


def require_free(host: str, port: int) -> None:
    """Try whether the app can listen there.

    Raises
    ------
    CannotServe
        If the host is no address of this machine, or something already listens on the port.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise CannotServe(
            f"{host!r} is no host name or address that this machine knows. Leave HOST out to serve "
            "this machine only; for a class: make app HOST=0.0.0.0"
        ) from None
    refused = [error for each in found if (error := _refusal(each[0], each[4]))]
    # “localhost” has an address of each kind, of which a machine may have only one.
    missing = [error for error in refused if error.errno in _MISSING]
    if len(refused) > len(missing) or len(missing) == len(found):
        raise CannotServe(_why_not(host, port, max(refused, key=lambda e: e.errno not in _MISSING)))


def _refusal(family: int, address: tuple) -> OSError | None:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name == "posix":  # else a server that has just stopped would look alive
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:  # else “::” would also ask for what 0.0.0.0 has
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)
    except OSError as error:
        return error
    return None


def addresses(host: str, port: int) -> list[str]:
    """What to type in a browser: on this machine first, then on others in the same network."""
    if host not in EVERYWHERE:
        return [_url(host, port)]
    return [_url("localhost", port), *(_url(ip, port) for ip in _of_this_machine(host))]


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno in _MISSING:
        return (
            f"{host} is not an address of this machine. HOST=0.0.0.0 serves every network it is in."
        )
    return (
        f"Port {port} cannot be used ({error.strerror}). Perhaps Nearest Plane is already at "
        f"{addresses(host, port)[0]}; if not, take another port: make app PORT={port + 1}"
    )


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _of_this_machine(host: str) -> list[str]:
    """Addresses that others in the network can use, as far as the system tells."""
    families = [(socket.AF_INET, "192.0.2.1")]  # kept for documentation: nothing is sent there
    if host == "::":
        families.append((socket.AF_INET6, "2001:db8::1"))
    found = []
    for family, elsewhere in families:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((elsewhere, 9))  # only chooses the way there
                found.append(probe.getsockname()[0])
            except OSError:  # no network of this kind
                continue
    return [ip for ip in found if ip not in THIS_MACHINE]
