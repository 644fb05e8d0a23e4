"""Start the app: `python -m app [--port N]`. It is served to this machine only."""

import argparse
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

HOST = "localhost"
PROJECT = Path(__file__).resolve().parents[1]
# Threads of torch that wait for one another shall sleep: spinning, they slow each other down
# tenfold where several visitors compute. NumPy's products here are too small for threads.
THREAD_POLICY = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_NUM_THREADS": "1"}


def main() -> None:
    """Serve `app/main.py` in this process until Ctrl+C."""
    port = _requested_port()
    _require_free(port)

    os.environ.update(THREAD_POLICY | os.environ)

    # fpylll sets signal handlers when it is first imported, which only the main thread may do;
    # pages run in other threads. Installed without cysignals it cannot be imported at all.
    with suppress(ImportError):
        import fpylll  # noqa: F401

    from app.static_files import provide_plotly

    provide_plotly()

    from streamlit.web.cli import main as streamlit

    os.chdir(PROJECT)  # where .streamlit/config.toml is read from
    print(f"Nearest Plane is served at http://{HOST}:{port} (Ctrl+C stops it).", flush=True)
    sys.argv = ["streamlit", "run", "app/main.py", f"--server.port={port}"]
    streamlit()


def _requested_port() -> int:
    parser = argparse.ArgumentParser(prog="python -m app", description="Serve Nearest Plane.")
    parser.add_argument("--port", type=int, default=8501, help="default: %(default)s")
    port: int = parser.parse_args().port
    if not 1 <= port <= 65535:
        parser.error(f"--port {port}: a port is a number from 1 to 65535")
    return port


def _require_free(port: int) -> None:
    """Stop with a plain message if something already listens on the port."""
    with socket.socket() as probe:
        if os.name == "posix":  # else a server that has just stopped would look alive
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            sys.exit(
                f"Port {port} cannot be used ({error.strerror}). Perhaps Nearest Plane is already "
                f"at http://{HOST}:{port}; if not, take another port: make app PORT={port + 1}"
            )


if __name__ == "__main__":
    main()
