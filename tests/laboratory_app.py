"""A page of the laboratory without a browser: opening it, waiting for its work, reading it."""

import time

from browser import eventually
from streamlit.testing.v1 import AppTest


def open_laboratory(page: str, **query: str) -> AppTest:
    """The page of this file name, opened by a link with this query."""
    app = AppTest.from_file("../app/main.py", default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.switch_page(f"../pages/{page}.py").run()
    assert not app.exception
    return app


def wait(app: AppTest, seconds: float = 60) -> AppTest:
    """What the poll in the browser does: look again until there is nothing left to cancel."""

    def finished() -> bool:
        time.sleep(0.1)  # for the work
        return "Cancel" not in labels(app.run())

    eventually(finished, seconds=seconds)
    assert not app.exception
    return app


def press(app: AppTest, label: str) -> AppTest:
    """The one button of this label."""
    (button,) = (button for button in app.button if button.label == label)
    button.click().run()
    assert not app.exception
    return app


def labels(app: AppTest) -> list[str]:
    """Of all buttons."""
    return [button.label for button in app.button]


def shown_text(app: AppTest) -> str:
    """All headings, paragraphs, captions and notes."""
    elements = (*app.subheader, *app.markdown, *app.caption, *app.info)
    return "\n".join(text.value for text in elements)


def value_in_link(app: AppTest, name: str) -> str:
    """Of a query parameter, as the address bar has it."""
    value = app.query_params[name]
    return value if isinstance(value, str) else value[0]
