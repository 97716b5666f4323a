"""Configurations, built from the settings' own model, valid and spoilt."""

from __future__ import annotations

import copy
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from trading_dashboard.config.origins import KeyPath
from trading_dashboard.config.schema import keys_of, section_of
from trading_dashboard.config.settings import (
    AgentSettings,
    ProbesSettings,
    RestartSettings,
    Settings,
)

SECRET = "hunter2"
"""Every value below `env` begins so."""
Document = dict[str, Any]

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
SECRETS = TEXT.map(lambda text: f"{SECRET}{text}")
SCHEDULES = st.sampled_from(
    [
        {"calendar": "XNYS", "start": "open-15m", "stop": "close+30m"},
        {"start": "0 8 * * mon-fri", "stop": "0 18 * * mon-fri", "timezone": "Europe/Berlin"},
        {},
    ]
)
PROBE_KINDS: Mapping[str, Mapping[str, st.SearchStrategy[Any]]] = {
    "http": {
        "path": st.sampled_from(["/", "/ready?x=1"]), "port": st.integers(1, 65_535),
        "expected_status": st.lists(st.sampled_from(["200-299", "401", 204]), max_size=20),
        "expected_body": TEXT.filter(bool),
    },
    "tcp": {"port": st.integers(1, 65_535)},
    "command": {"command": st.just(["check", "--now"])},
    "log": {"pattern": TEXT.filter(bool), "within_seconds": st.floats(1, 86_400)},
}  # fmt: skip
AGENT_WORDS: Mapping[str, st.SearchStrategy[Any]] = {
    "env": st.dictionaries(st.from_regex(r"\A[A-Z][A-Z0-9]{0,5}\Z"), SECRETS, max_size=3),
    "settings": st.dictionaries(
        st.from_regex(r"\A[a-z]{1,6}\Z"),
        st.booleans() | st.integers(-99, 99) | TEXT | st.lists(st.integers(0, 9), max_size=3),
        max_size=3,
    ),
    "data": st.fixed_dictionaries(
        {},
        optional={
            "calendar": st.sampled_from(["XNYS", "24/7"]),
            "max_age_seconds": st.floats(1, 2_592_000),
            "when_stale": st.sampled_from(["report", "restart"]),
        },
    ),
    "schedule": SCHEDULES,
    "health_endpoint": st.just("/health"),
    "working_directory": st.just("."),
}


def values(field: FieldInfo) -> st.SearchStrategy[Any]:
    """Return what may be written for a field: its type within its bounds."""
    low = next((m.ge if isinstance(m, Ge) else m.gt for m in field.metadata
                if isinstance(m, Ge | Gt)), None)  # fmt: skip
    high = next((m.le for m in field.metadata if isinstance(m, Le)), None)
    limits: dict[str, Any] = {"min_value": low, "max_value": high}
    kind: Any = field.annotation
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(part for part in get_args(kind) if part is not type(None))
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if get_origin(kind) is tuple:
        return st.lists(TEXT, max_size=3)
    if kind is float:
        above = any(isinstance(m, Gt) for m in field.metadata)
        return st.floats(**limits, exclude_min=above, allow_nan=False, allow_infinity=False)
    return {bool: st.booleans(), int: st.integers(**limits), str: TEXT}[kind]


def sections(model: type[BaseModel], **special: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return mappings with any of a section's keys."""
    found: dict[str, st.SearchStrategy[Any]] = {}
    for key in keys_of(model):
        field = model.model_fields[key]
        section = section_of(field.annotation)
        if key in special:
            found[key] = special[key]
        else:
            found[key] = sections(section) if section else values(field)
    return st.fixed_dictionaries({}, optional=found)


def probes(role: str) -> st.SearchStrategy[Any]:
    """Return valid probes of a role, of every kind."""
    shared = {"interval_seconds": st.floats(0.1, 3600), "success_threshold": st.integers(1, 100)}
    if role != "startup":
        shared["failure_threshold"] = st.integers(1, 100)
    needed = {"command": ["command"], "log": ["pattern"]}
    kinds: list[st.SearchStrategy[Any]] = [
        st.fixed_dictionaries(
            {"kind": st.just(kind), **{key: own[key] for key in needed.get(kind, ())}},
            optional={k: v for k, v in {**own, **shared}.items() if k not in needed.get(kind, ())},
        )
        for kind, own in PROBE_KINDS.items()
    ]
    return st.one_of(kinds)


@st.composite
def valid_documents(draw: st.DrawFn) -> Document:
    """Return a configuration without a mistake."""
    roles = {role: probes(role) for role in ProbesSettings.model_fields}
    special = {**AGENT_WORDS, "probes": st.fixed_dictionaries({}, optional=roles)}
    restart = sections(
        RestartSettings,
        final_exit_codes=st.lists(st.integers(1, 125), unique=True, max_size=3),
        not_within=st.lists(st.sampled_from(["close-5m/close+1m", "21:55/22:01"]), max_size=1),
        calendar=st.just("XNYS"),
        timezone=st.sampled_from(["UTC", "Europe/Berlin"]),
    ).map(lambda written: {**written, "calendar": "XNYS"} if written else {})
    agents: Document = {}
    is_enabled = draw(st.booleans())
    for index in range(draw(st.integers(0, 2))):
        agent = draw(sections(AgentSettings, url=st.just(""), restart=restart, **special))
        before = st.lists(st.sampled_from(list(agents)), unique=True) if agents else st.just([])
        agents[f"agent_{index}"] = {
            **agent, "url": f"http://localhost:{20_000 + index}", "enabled": is_enabled,
            "start_command": ["program", "--flag"], "depends_on": draw(before),
        }  # fmt: skip
    rest = draw(sections(Settings, agents=st.just({})))
    for key, port in (("dashboard", 21_000), ("control_api", 21_001)):
        if "port" in rest.get(key, {}):
            rest[key]["port"] = port
    return {**rest, "agents": agents}


def paths_in(tree: Any, above: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the path of everything in a document."""
    for key, child in tree.items() if isinstance(tree, dict) else ():
        yield (*above, key)
        yield from paths_in(child, (*above, key))


SECRET_NUMBER = 7 * 10**11 + 4_711
"""What is put below `env` where no text is wanted."""
# Among the integers that come up are the constants of whatever modules of ours are loaded.
INTEGERS = st.integers().filter(lambda number: number != SECRET_NUMBER)
JUNK = st.one_of(
    st.none(), st.booleans(), INTEGERS, st.floats(), TEXT, st.text(max_size=30),
    st.lists(TEXT | INTEGERS, max_size=3), st.dictionaries(TEXT, TEXT, max_size=3),
    st.sampled_from(["* * * * *", "open-15m", "XNYS", "9" * 5000, "a" * 5000, 2**70, "1:30"]),
)  # fmt: skip


@st.composite
def spoilt_documents(draw: st.DrawFn) -> Document:
    """Return a configuration in which something is replaced, missing or too much."""
    document = copy.deepcopy(draw(valid_documents().filter(lambda tree: tree["agents"])))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([*paths_in(document)] or [("agents",)]))
        parent = document
        for part in path[:-1]:
            parent = parent[str(part)]
        act = draw(st.sampled_from(["replace", "remove", "add"]))
        if act == "remove":
            parent.pop(str(path[-1]), None)
        else:
            key = str(path[-1]) if act == "replace" else draw(st.sampled_from(["timout", "zz"]))
            is_env = "env" in (*path[:-1], key)
            parent[key] = draw(st.just(SECRET_NUMBER) if is_env else JUNK)
    return document
