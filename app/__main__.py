"""Start the app: `python -m app [--host H] [--port N]`. Without a host it is served to this machine only."""

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path

from app.serving import CannotServe, addresses, require_free

PROJECT = Path(__file__).resolve().parents[1]
# Threads of torch that wait for one another shall sleep: spinning, they slow each other down
# tenfold where several visitors compute. NumPy's products here are too small for threads.
THREAD_POLICY = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_NUM_THREADS": "1"}


def main() -> None:
    """Serve `app/main.py` in this process until Ctrl+C."""
    host, port = _requested()
    try:
        require_free(host, port)
    except CannotServe as error:
        sys.exit(str(error))

    os.environ.update(THREAD_POLICY | os.environ)

    # Pages run in threads, and pandas cannot be first imported by two of them at once.
    import pandas  # noqa: F401

    # fpylll sets signal handlers when it is first imported, which only the main thread may do;
    # pages run in other threads. Installed without cysignals it cannot be imported at all.
    with suppress(ImportError):
        import fpylll  # noqa: F401

    from app.static_files import provide_plotly

    provide_plotly()

    from streamlit.web.cli import main as streamlit

    os.chdir(PROJECT)  # where .streamlit/config.toml is read from
    here, *elsewhere = addresses(host, port)
    print(f"Nearest Plane is served at {here} (Ctrl+C stops it).", flush=True)
    for address in elsewhere:
        print(f"In the same network, others open {address}", flush=True)
    where = [f"--server.address={host}", f"--server.port={port}"]
    sys.argv = ["streamlit", "run", "app/main.py", *where]
    streamlit()


def _requested() -> tuple[str, int]:
    parser = argparse.ArgumentParser(prog="python -m app", description="Serve Nearest Plane.")
    parser.add_argument(
        "--host",
        default="localhost",
        help="0.0.0.0 serves everybody in the network, as for a class; default: %(default)s, this machine only",
    )
    parser.add_argument("--port", type=int, default=8501, help="default: %(default)s")
    chosen = parser.parse_args()
    if not 1 <= chosen.port <= 65535:
        parser.error(f"--port {chosen.port}: a port is a number from 1 to 65535")
    return chosen.host.strip("[]") or "localhost", chosen.port


if __name__ == "__main__":
    main()
