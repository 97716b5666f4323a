"""May an agent start on its port, or is someone there already?

Owns that one decision, taken just before each start. It ends only what is provably a leftover of a
dead run of this project; a healthy agent of someone else's is adopted; anything else is named.
"""

from __future__ import annotations

from dataclasses import dataclass

from trading_dashboard.config.settings import AgentSettings
from trading_dashboard.orchestrator import failures
from trading_dashboard.orchestrator.addresses import host_and_port
from trading_dashboard.orchestrator.failures import Failure
from trading_dashboard.orchestrator.output.redaction import Redactor
from trading_dashboard.orchestrator.probe_kinds import ask_page
from trading_dashboard.orchestrator.probe_plans import plans_for, readiness_of
from trading_dashboard.orchestrator.probes import ProbeOutcome, Prober
from trading_dashboard.orchestrator.runtime import PortOwner, Runtime


@dataclass(frozen=True, slots=True)
class Adopt:
    """A healthy agent that someone else runs is on the port."""

    owner: PortOwner
    outcome: ProbeOutcome


async def check_port(
    agent: AgentSettings, runtime: Runtime, prober: Prober
) -> Adopt | Failure | None:
    """Return None if the agent may be started, else what stands in the way."""
    host, port = host_and_port(agent.url)
    owner = await runtime.port_owner(host, port)
    if owner is not None and owner.is_leftover and await runtime.remove_leftover(owner):
        runtime.write_log(agent.name, "warning", f"removed a leftover of a dead run: {owner.pid}")
        owner = await runtime.port_owner(host, port)
    if owner is None:
        return None
    plan = readiness_of(plans_for(agent))
    if plan.kind != "http":
        # A stranger is no agent because its port takes connections, or a command succeeds.
        return failures.port_in_use(agent.name, owner, None)
    outcome = (await ask_page(prober, plan)).for_others(Redactor.knowing(agent.env, agent.settings))
    if outcome.ok:
        return Adopt(owner, outcome)
    return failures.port_in_use(agent.name, owner, outcome.message)
