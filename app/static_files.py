"""The one static file the app serves: plotly.min.js, copied from the installed plotly wheel.

Streamlit serves ``static/`` beside the entry file and refuses symlinks (HTTP 400), hence a copy. It is git-ignored:
the wheel is the source, so that the drawing library in the browser and the one in Python are always the same release.
"""

import os
import shutil
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

STATIC_FOLDER = Path(__file__).with_name("static")


def provide_plotly(folder: Path = STATIC_FOLDER) -> Path:
    """Copy plotly.min.js into ``folder`` unless a copy of the same size is there.

    Parameters
    ----------
    folder : Path
        The ``static`` folder beside the file that ``streamlit run`` is given; made if missing.

    Returns
    -------
    Path
        The copy.
    """
    copy = folder / "plotly.min.js"
    with as_file(files("plotly") / "package_data" / "plotly.min.js") as source:
        if not copy.exists() or copy.stat().st_size != source.stat().st_size:
            folder.mkdir(parents=True, exist_ok=True)
            # Several servers or test workers may start at once: none must ever see half a file.
            handle, partial = tempfile.mkstemp(dir=folder, suffix=".part")
            os.close(handle)
            shutil.copyfile(source, partial)
            Path(partial).chmod(0o644)
            Path(partial).replace(copy)
    return copy
