"""A recording put together as a market: which files, which routes.

Owns what is made of what. The desk, its routes and the stream are those of real sources; behind
them is what was heard, up to the player's clock.
"""

from __future__ import annotations

from pathlib import Path

from trading_dashboard import __version__
from trading_dashboard.agents.kit import AgentApp, AgentEnvironment, create_agent_app
from trading_dashboard.agents.market_data.api.clock import add_clock_setting
from trading_dashboard.agents.market_data.api.figures import ClockFigures, add_metrics
from trading_dashboard.agents.market_data.api.recordings import add_recordings
from trading_dashboard.agents.market_data.api.routes import add_reading, add_stream
from trading_dashboard.agents.market_data.calendars import ExchangeCalendars
from trading_dashboard.agents.market_data.errors import StoreUnusable
from trading_dashboard.agents.market_data.live.agent import Threads
from trading_dashboard.agents.market_data.live.desk import LiveDesk, LiveParts
from trading_dashboard.agents.market_data.live.finishing import Finishing
from trading_dashboard.agents.market_data.live.hours import Hours
from trading_dashboard.agents.market_data.live.past import LivePast
from trading_dashboard.agents.market_data.market import Body
from trading_dashboard.agents.market_data.played.agent import PlayedAgent
from trading_dashboard.agents.market_data.played.knowledge import Knowledge
from trading_dashboard.agents.market_data.played.playing import Playing
from trading_dashboard.agents.market_data.played.position import PlayedPosition
from trading_dashboard.agents.market_data.played.reading import PlayedHistory, PlayedScores
from trading_dashboard.agents.market_data.recording.clock import PlayerClock
from trading_dashboard.agents.market_data.recording.files import Head, Recording, load
from trading_dashboard.agents.market_data.recording.library import Library
from trading_dashboard.agents.market_data.recording.player import RecordingPlayer
from trading_dashboard.agents.market_data.records import MICROSECONDS
from trading_dashboard.agents.market_data.streaming.hub import StreamHub
from trading_dashboard.agents.market_data.streaming.live_feed import LiveFeed
from trading_dashboard.models.errors import RecordingDamaged, SourceRefused, UnknownRecording
from trading_dashboard.models.market import INTERVALS
from trading_dashboard.models.settings import MarketDataSettings

RECORDINGS_FOLDER = "recordings"
CALENDARS_FOLDER = "calendars"
POSITION_FILE = "recording.position"


def build_played(settings: MarketDataSettings, environment: AgentEnvironment) -> AgentApp:
    """Return the agent's application over a recording.

    Raises:
        SourceRefused: There is no such recording, or nothing in it can be read.
        StoreUnusable: The position in it cannot be kept.
        UnknownCalendar: The recording's calendar is not known.
    """
    directory = environment.data_directory
    recording = _opened(directory / RECORDINGS_FOLDER, settings.recording or "", environment.name)
    head = recording.head
    calendars = ExchangeCalendars(directory / CALENDARS_FOLDER)
    clock = PlayerClock(
        recording.first,
        recording.last,
        speed=settings.replay_speed,
        calendar=head.calendar,
        time_zone=head.time_zone,
        sessions=calendars.sessions(head.calendar),
        recording=f"{head.name} of {head.source}",
    )
    position = _position(directory / POSITION_FILE, clock, recording, settings)
    return _assemble(environment, recording, clock, calendars, position)


def _assemble(
    environment: AgentEnvironment,
    recording: Recording,
    clock: PlayerClock,
    calendars: ExchangeCalendars,
    position: PlayedPosition,
) -> AgentApp:
    threads, head = Threads(), recording.head
    hours = Hours(calendars, clock, threads)
    library = Library(
        environment.data_directory / RECORDINGS_FOLDER,
        now=clock.now,
        in_thread=threads,
        about={
            "calendar": head.calendar,
            "time_zone": head.time_zone,
            "intraday": head.intraday,
        },
        playing=head.name,
    )
    playing, scores = _playing(recording, clock, library, hours, threads)
    agent = PlayedAgent(playing, library, hours, scores, position, threads)
    market = _market(playing, scores, hours, threads, recording, environment.data_directory)
    return _app(environment, agent, market, library, head)


def _playing(
    recording: Recording, clock: PlayerClock, library: Library, hours: Hours, threads: Threads
) -> tuple[Playing, PlayedScores]:
    head = recording.head
    name = f"recording:{head.name} of {head.source}"
    knowledge = Knowledge(name, head, clock)
    playing = Playing(knowledge, library)
    playing.player = RecordingPlayer(
        recording, clock, in_thread=threads, on_jump=playing.begin_anew, catch_up=playing.catch_up
    )
    scores = PlayedScores(playing.player, knowledge, hours.of)
    playing.feed = LiveFeed(
        clock.body,
        resolve=playing.resolve,
        details=lambda source, symbol: {
            **knowledge.details(symbol),
            "quality_score": scores.total(source, symbol),
            "session": clock.body()["session"],
        },
        intervals=INTERVALS,
        replay=True,
        intraday=head.intraday,
    )
    playing.hub = StreamHub(playing.feed)
    return playing, scores


def _app(
    environment: AgentEnvironment,
    agent: PlayedAgent,
    market: LiveDesk,
    library: Library,
    head: Head,
) -> AgentApp:
    app = create_agent_app(
        environment,
        version=__version__,
        title="Market data agent",
        description=f"The recording '{head.name}' of {head.source}, lived through again. Nothing "
        "later than the market clock is ever answered.",
        health=agent.health,
        lifespan=agent.lifespan,
    )
    if environment.token_file is None:
        app.operator.ensure()
    clock = agent.player.clock
    add_reading(app, market)
    add_clock_setting(app, market, agent.set_clock)
    add_stream(app, agent.hub)
    add_metrics(
        app,
        agent.hub,
        ClockFigures(
            seconds=lambda: clock.now() / MICROSECONDS,
            speed=lambda: clock.speed,
            is_moving=lambda: not (clock.is_paused or clock.is_finished),
        ),
    )
    add_recordings(app, library, lambda: [agent.player.name])
    app.before_exit.append(agent.close_streams)
    return app


def _market(
    playing: Playing,
    scores: PlayedScores,
    hours: Hours,
    threads: Threads,
    recording: Recording,
    directory: Path,
) -> LiveDesk:
    player, knowledge = playing.player, playing.knowledge
    label: Body = {"replay": True, "intraday": recording.head.intraday}
    history = PlayedHistory(player, playing.forming, knowledge.actions, threads)
    finishing = Finishing(history, scores.total, player.clock.now)
    return LiveDesk(
        LiveParts(
            sources=knowledge,
            archive=knowledge,
            hours=hours,
            clock=player.clock,
            past=LivePast(history, knowledge, player.clock, finishing, threads, label),
            intake=knowledge,
            scores=scores,
            source_bodies=lambda: [_source_body(player, recording)],
            in_thread=threads,
            data_directory=directory,
            symbols=knowledge.instruments,
            source=player.name,
            label=label,
        )
    )


def _source_body(player: RecordingPlayer, recording: Recording) -> Body:
    head = recording.head
    return {
        "name": player.name,
        "active": True,
        "real": False,
        "description": f"Recording '{head.name}' of {head.source}, made {head.made_at[:10]}",
        "licence": f"As that of {head.source}",
        "intervals": list(INTERVALS),
        "status": player.trouble or "ok",
        "state": "down" if player.trouble else "ok",
    }


def _opened(folder: Path, name: str, agent: str) -> Recording:
    """Return the recording that is named in the settings."""
    try:
        recording = load(folder / name)
    except (UnknownRecording, RecordingDamaged) as error:
        raise SourceRefused(
            error.message,
            subject=f"agents.{agent}.settings.recording",
            observed=error.observed or str(folder / name),
            next_step="Name a recording that is in that folder, or set the source to demo or live.",
        ) from error
    if not recording.chunks:
        raise SourceRefused(
            f"The recording '{name}' is empty.",
            subject=f"agents.{agent}.settings.recording",
            observed="no chunk",
            next_step="Record for longer, or name another one.",
        )
    return recording


def _position(
    path: Path, clock: PlayerClock, recording: Recording, settings: MarketDataSettings
) -> PlayedPosition:
    head = recording.head
    configured = f"{head.name} of {head.made_at} at {settings.replay_speed:g}"
    try:
        return PlayedPosition(path, clock, configured)
    except OSError as error:
        raise StoreUnusable(
            f"The position in the recording cannot be kept in {path}.",
            subject=str(path),
            observed=error.strerror or str(error),
            next_step="Check the folder's permissions and free space.",
        ) from error
