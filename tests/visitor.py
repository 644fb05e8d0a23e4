"""A visitor without a browser: speaks Streamlit's protocol over a websocket, and does what a pupil does.

A browser and the server exchange protobuf messages: the browser sends the state of its widgets, the server answers
with pieces of the page and ends with "script finished". A visitor keeps what it needs of the page: where the steppers,
questions and lists are. At most one of its messages is on its way at a time.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

DRAGGED_PER_SECOND = 8
FINISHED = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
PATIENCE = 60  # seconds for one answer; longer is an error


@dataclass
class Answer:
    """One message and how long the server took to finish what it asked for."""

    kind: str
    page: str
    seconds: float


@dataclass
class Stepper:
    """What must be known of a stepper to step and drag it."""

    figure_id: str
    fragment: str
    steps: int
    handle: str | None  # name of the point that can be dragged
    point: tuple[float, float]
    teller_id: str = ""
    count: int = 0
    told: dict[str, Any] = field(
        default_factory=dict
    )  # the browser sends a component's whole state

    def tell(self, name: str, event: dict[str, Any]) -> str:
        """The state after something was done with the figure; ``name`` is ``"step"`` or ``"drag"``."""
        self.count += 1
        self.told[name] = event | {"count": self.count}
        return json.dumps(self.told)

    def drag(self, x: float, y: float) -> str:
        """The figure's own state while its point is dragged."""
        self.count += 1
        return json.dumps({"drag": {"handle": self.handle, "x": x, "y": y, "count": self.count}})


@dataclass
class Page:
    """The parts of the page on show that a visitor uses."""

    steppers: dict[str, Stepper] = field(default_factory=dict)
    tellers: dict[str, str] = field(default_factory=dict)
    questions: dict[str, list[str]] = field(default_factory=dict)  # radio id -> options
    lists: dict[str, list[str]] = field(default_factory=dict)  # selectbox id -> options


class Visitor:
    """One session.

    Parameters
    ----------
    address : str
        ``http://localhost:8501``.
    query : str
        What every link of this visitor says: ``room=abc``.
    seed : int
    """

    def __init__(self, address: str, query: str, seed: int) -> None:
        self.address, self.query = address, query
        self.random = random.Random(seed)
        self.answers: list[Answer] = []
        self.errors: list[str] = []
        self.bytes_received = 0
        self.page = Page()
        self.page_name = ""
        self._hashes: dict[str, str] = {}  # page name -> script hash
        self._free = asyncio.Lock()
        self._finished = asyncio.Event()
        self._repeating: dict[str, asyncio.Task] = {}
        self._socket: ClientConnection

    async def stay(
        self, pages: list[str], until: Callable[[], bool], pause: tuple[float, float]
    ) -> None:
        """Open the first page, then act every few seconds until the class is over."""
        url = self.address.replace("http", "ws", 1) + "/_stcore/stream"
        async with connect(
            url,
            subprotocols=["streamlit"],
            origin=self.address,
            max_size=None,  # type: ignore[list-item, arg-type]
        ) as self._socket:
            listening = asyncio.create_task(self._listen())
            try:
                await self._open(pages[0])
                while not until():
                    await asyncio.sleep(self.random.uniform(*pause))
                    await self._act(pages)
            except TimeoutError:
                self.errors.append(f"{self.page_name}: no answer within {PATIENCE} s")
            finally:
                for task in (listening, *self._repeating.values()):
                    task.cancel()

    # ---- what a pupil does

    async def _act(self, pages: list[str]) -> None:
        acts = {self._step: 40, self._drag: 25, self._predict: 15, self._choose: 12}
        act = self.random.choices([*acts, None], [*acts.values(), 8])[0]
        if act is None:
            await self._open(self.random.choice([name for name in pages if name != self.page_name]))
        else:
            await act()

    async def _open(self, name: str) -> None:
        self.page, self.page_name = Page(), name
        for task in self._repeating.values():
            task.cancel()
        self._repeating.clear()
        message = BackMsg()
        message.rerun_script.query_string = self.query
        if name in self._hashes:
            message.rerun_script.page_script_hash = self._hashes[name]
            await self._ask("page", message)
        else:
            message.rerun_script.page_name = name
            await self._ask("open", message)

    async def _step(self) -> None:
        if not (stepper := self._first_stepper()):
            return
        # Quick steps are told once, when the visitor stops.
        told = stepper.tell("step", {"step": self.random.randint(0, stepper.steps - 1)})
        await self._ask("step", self._widgets({stepper.teller_id: told}))

    async def _drag(self) -> None:
        stepper = self._first_stepper()
        if not stepper or not stepper.handle:
            return await self._step()
        x, y = stepper.point
        for _ in range(self.random.randint(5, 15)):
            x += self.random.uniform(-0.08, 0.08)
            y += self.random.uniform(-0.08, 0.08)
            message = self._widgets({stepper.figure_id: stepper.drag(x, y)})
            message.rerun_script.fragment_id = stepper.fragment
            started = time.perf_counter()
            await self._ask("drag", message)
            await asyncio.sleep(max(0.0, 1 / DRAGGED_PER_SECOND - (time.perf_counter() - started)))
        told = stepper.tell("drag", {"handle": stepper.handle, "x": x, "y": y})
        await self._ask("drop", self._widgets({stepper.teller_id: told}))

    async def _predict(self) -> None:
        if not self.page.questions:
            return
        question, options = self.random.choice(list(self.page.questions.items()))
        chosen = WidgetState(id=question, string_value=self.random.choice(options))
        await self._ask("prediction", self._widgets({question: chosen}))

    async def _choose(self) -> None:
        if not self.page.lists:
            return
        chosen_list, options = self.random.choice(list(self.page.lists.items()))
        chosen = WidgetState(id=chosen_list, string_value=self.random.choice(options))
        await self._ask("control", self._widgets({chosen_list: chosen}))

    def _first_stepper(self) -> Stepper | None:
        for name, stepper in self.page.steppers.items():
            if name in self.page.tellers:
                stepper.teller_id = self.page.tellers[name]
                return stepper
        return None

    # ---- asking the server

    def _widgets(self, states: dict[str, WidgetState | str]) -> BackMsg:
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.page_script_hash = self._hashes.get(self.page_name, "")
        for name, state in states.items():
            if isinstance(state, str):
                state = WidgetState(id=name, json_value=state)
            message.rerun_script.widget_states.widgets.append(state)
        return message

    async def _ask(self, kind: str, message: BackMsg) -> None:
        """Send, and wait until the server has finished; the time includes waiting for one's turn."""
        started = time.perf_counter()
        async with self._free:
            self._finished.clear()
            if kind == "control" or kind == "prediction":
                self.page = Page(steppers=self.page.steppers, tellers=self.page.tellers)
            await self._socket.send(message.SerializeToString())
            await asyncio.wait_for(self._finished.wait(), PATIENCE)
        self.answers.append(Answer(kind, self.page_name, time.perf_counter() - started))

    async def _repeat(self, fragment: str, seconds: float) -> None:
        """A fragment that runs by itself: it is the browser that asks for it."""
        while True:
            await asyncio.sleep(seconds)
            message = self._widgets({})
            message.rerun_script.fragment_id = fragment
            message.rerun_script.is_auto_rerun = True
            with suppress(TimeoutError):
                await self._ask("waiting", message)

    # ---- hearing the server

    async def _listen(self) -> None:
        async for payload in self._socket:
            self.bytes_received += len(payload)
            message = ForwardMsg()
            message.ParseFromString(payload)  # type: ignore[arg-type]
            try:
                self._hear(message)
            except Exception as error:  # else the visitor would wait for ever
                self.errors.append(f"{self.page_name}: the visitor understood nothing: {error!r}")
        self.errors.append(f"{self.page_name}: the server hung up")

    def _hear(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self._see(message.delta.new_element, message.delta.fragment_id)
        elif kind == "navigation":
            for page in message.navigation.app_pages:
                self._hashes[page.url_pathname] = page.page_script_hash
        elif kind == "auto_rerun":
            fragment, seconds = message.auto_rerun.fragment_id, message.auto_rerun.interval
            if fragment not in self._repeating:
                self._repeating[fragment] = asyncio.create_task(self._repeat(fragment, seconds))
        elif kind == "session_event" and message.session_event.HasField(
            "script_compilation_exception"
        ):
            self.errors.append(message.session_event.script_compilation_exception.message)
        elif kind == "script_finished":
            if message.script_finished in FINISHED:
                self._finished.set()
            elif message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                self.errors.append(f"{self.page_name}: compile error")
                self._finished.set()

    def _see(self, element: Any, fragment: str) -> None:
        kind = element.WhichOneof("type")
        if kind == "exception":
            self.errors.append(
                f"{self.page_name}: {element.exception.type}: {element.exception.message}"
            )
        elif kind == "radio":
            self.page.questions[element.radio.id] = list(element.radio.options)
        elif kind == "selectbox" and not element.selectbox.disabled:
            self.page.lists[element.selectbox.id] = list(element.selectbox.options)
        elif kind == "bidi_component":
            self._see_component(element.bidi_component, fragment)

    def _see_component(self, component: Any, fragment: str) -> None:
        if component.component_name.endswith("stepper_tell"):
            self.page.tellers[json.loads(component.json)["name"]] = component.id
        elif component.component_name.endswith("stepper"):
            if any(known.figure_id == component.id for known in self.page.steppers.values()):
                return  # an answer to a drag: nothing new to know
            data = json.loads(component.json)
            figure = data["figure"]
            handles = figure["layout"]["meta"].get("handles") or {}
            name = next(iter(handles), None)
            point = figure["data"][handles[name]] if name else {"x": [0.0], "y": [0.0]}
            self.page.steppers[data["name"]] = Stepper(
                component.id,
                fragment,
                len(figure["frames"]),
                name,
                (point["x"][0], point["y"][0]),
                count=data["echo"],
            )
