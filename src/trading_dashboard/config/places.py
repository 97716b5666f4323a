"""Which files make up the configuration of a project.

Owns the search for the project root and the choice of environment. Reads no file's content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import get_args

from trading_dashboard.config.origins import LoadRequest
from trading_dashboard.models.errors import WHOLE_FILE, Mistake
from trading_dashboard.models.settings import Environment

ENVIRONMENT_VARIABLE = "TRADING_DASHBOARD_ENV"
DEFAULT_ENVIRONMENT = "development"
ENVIRONMENTS: tuple[str, ...] = get_args(Environment)

_AGENTS_FILE = "agents.yaml"
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where to read from.

    Attributes:
        project_root: Absolute.
        environment: One of `ENVIRONMENTS`.
        files: To be merged in this order, with the names users know them by.
        is_built_in: They are those that come with the package.
    """

    project_root: Path
    environment: str
    files: tuple[tuple[Path, str], ...]
    is_built_in: bool = False

    @property
    def watched(self) -> tuple[Path, ...]:
        """Return the files to watch: those that are read, and those that would be if there."""
        config = self.project_root / "config"
        would_be = (config / _AGENTS_FILE, config / "environments" / f"{self.environment}.yaml")
        return tuple(dict.fromkeys([*(path for path, _ in self.files), *would_be]))


def find_project_root(start: Path | None = None) -> Path:
    """Return the nearest folder from `start` upwards that holds ``config/agents.yaml``.

    Without one it is `start` itself, which is the current folder if not given.
    """
    start = Path.cwd() if start is None else start.absolute()
    for folder in (start, *start.parents):
        if (folder / "config" / _AGENTS_FILE).is_file():
            return folder
    return start


def locate(request: LoadRequest, mistakes: list[Mistake]) -> Places:
    """Return the files to read; what is missing or unknown is added to `mistakes`."""
    project_root, environment = request.project_root, request.environment
    config_path = Path(request.config_path) if request.config_path is not None else None
    environ = request.environ or {}
    if config_path is not None and not config_path.is_dir():
        return _of_file(project_root, config_path.absolute(), environment, environ, mistakes)
    folder = config_path.absolute() if config_path is not None else None
    root, config = _of_folder(project_root, folder)
    chosen = _choose_environment(environment, environ, config, mistakes)
    if not config.exists() and folder is None and not request.is_own:
        built_in = _built_in(chosen)
        return Places(project_root=root, environment=chosen, files=built_in, is_built_in=True)
    wanted = (config / _AGENTS_FILE, config / "environments" / f"{chosen}.yaml")
    remedy = "Create it; it may be empty."
    mistakes.extend(_missing(path, root, remedy) for path in wanted if not path.is_file())
    named = tuple((path, _name(path, root)) for path in wanted if path.is_file())
    return Places(project_root=root, environment=chosen, files=named)


def _of_folder(project_root: Path | None, folder: Path | None) -> tuple[Path, Path]:
    """Return (project root, config folder)."""
    if folder is None:
        root = project_root.absolute() if project_root is not None else find_project_root()
        return root, root / "config"
    if (folder / "config").is_dir():
        return project_root or folder, folder / "config"
    if folder.name == "config" or (folder / _AGENTS_FILE).is_file():
        return project_root or folder.parent, folder
    return project_root or folder, folder / "config"


def _of_file(
    project_root: Path | None,
    path: Path,
    environment: str | None,
    environ: Mapping[str, str],
    mistakes: list[Mistake],
) -> Places:
    """Return the places when one file was named: it stands on top of an agents.yaml near it."""
    candidates = (path.parent / _AGENTS_FILE, path.parent.parent / _AGENTS_FILE)
    base = next((file for file in candidates if file.is_file() and file != path), None)
    root = project_root or _root_of(path, base)
    stem = path.stem if path.stem in ENVIRONMENTS else None
    chosen = _choose_environment(environment, environ, None, mistakes, default=stem)
    if stem is not None and chosen != stem:
        mistakes.append(
            Mistake(
                file="--env" if environment is not None else ENVIRONMENT_VARIABLE,
                line=None,
                key="environment",
                value=chosen,
                problem=f"contradicts the configuration file {_name(path, root)}.",
                remedy=f"Use {stem}, or another file.",
            )
        )
    if not path.is_file() or path.suffix not in _SUFFIXES:
        mistakes.append(_missing(path, root, "Name a YAML file or the project's folder."))
        return Places(project_root=root, environment=chosen, files=())
    named = [(file, _name(file, root)) for file in (base, path) if file is not None]
    return Places(project_root=root, environment=chosen, files=tuple(named))


def _root_of(path: Path, base: Path | None) -> Path:
    for folder in path.parents:
        if folder.name == "config" and (base is None or base.parent in (folder, path.parent)):
            return folder.parent
    return Path.cwd()


def _choose_environment(
    environment: str | None,
    environ: Mapping[str, str],
    config: Path | None,
    mistakes: list[Mistake],
    default: str | None = None,
) -> str:
    # An empty option is a script's unset variable: starting something else would be a guess.
    fallback = environ.get(ENVIRONMENT_VARIABLE) or default or DEFAULT_ENVIRONMENT
    chosen = fallback if environment is None else environment
    if chosen in ENVIRONMENTS:
        return chosen
    known = ", ".join(ENVIRONMENTS)
    extra = ""
    if config is not None and (config / "environments" / f"{chosen}.yaml").is_file():
        extra = " A file alone does not make an environment."
    mistakes.append(
        Mistake(
            file="--env" if environment is not None else ENVIRONMENT_VARIABLE,
            line=None,
            key="environment",
            value=chosen[:64] or "(empty)",
            problem=f"is not a known environment.{extra}",
            remedy=f"Use one of: {known}.",
        )
    )
    return DEFAULT_ENVIRONMENT


def _built_in(environment: str) -> tuple[tuple[Path, str], ...]:
    """Return the configuration that comes with the package, for a folder that has none."""
    folder = Path(str(files("trading_dashboard.config"))) / "builtin"
    if not folder.is_dir():  # running from a checkout, not from a wheel
        folder = Path(__file__).parents[3] / "config"
    paths = (folder / _AGENTS_FILE, folder / "environments" / f"{environment}.yaml")
    return tuple((path, f"built-in {path.name}") for path in paths)


def _missing(path: Path, root: Path, remedy: str) -> Mistake:
    name = _name(path, root)
    problem = "is not there."
    if path.exists():
        problem = "is not a YAML file." if path.is_file() else "is no file."
    known = sorted(p.name for p in path.parent.glob("*.yaml") if p.is_file())[:10]
    there = f" There: {', '.join(known)}." if known else ""
    return Mistake(
        file=name, line=None, key=WHOLE_FILE, value=name, problem=problem, remedy=remedy + there
    )


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
