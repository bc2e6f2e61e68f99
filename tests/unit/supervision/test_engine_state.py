"""The states of an engine, and the events that may happen in each."""

from __future__ import annotations

import asyncio
from itertools import product

import pytest

from edgesegd.supervision.engine_state import TRANSITIONS, EngineEvent, EngineLife, EngineState

OVER = {EngineState.LOST, EngineState.ENDING, EngineState.ENDED}


def life_in(state: EngineState) -> EngineLife:
    life = EngineLife()
    life.state = state
    return life


def test_a_usual_engine_passes_through_all_states_but_lost() -> None:
    life, states = EngineLife(), []
    for event in (
        EngineEvent.LOADED,
        EngineEvent.SERVES,
        EngineEvent.DRAINS,
        EngineEvent.CLOSED,
        EngineEvent.EXITED,
    ):
        states.append(life.state)
        life.apply(event)
    assert {*states, life.state} == set(EngineState) - {EngineState.LOST}
    assert life.state is EngineState.ENDED


@pytest.mark.parametrize(("state", "event"), list(product(EngineState, EngineEvent)))
def test_an_event_that_the_table_does_not_have_is_refused_and_changes_nothing(
    state: EngineState, event: EngineEvent
) -> None:
    life = life_in(state)
    if (state, event) in TRANSITIONS:
        life.apply(event)
        assert life.state is TRANSITIONS[state, event]
    else:
        with pytest.raises(RuntimeError, match=f"{event.name} must not .* {state.name}"):
            life.apply(event)
        assert life.state is state


@pytest.mark.parametrize("state", EngineState)
def test_an_engine_may_fail_in_every_state_and_is_over_then(state: EngineState) -> None:
    life = life_in(state)
    life.apply(EngineEvent.FAILED)
    assert life.is_over
    assert life.state is (state if state in OVER else EngineState.LOST)


@pytest.mark.parametrize("state", EngineState)
def test_every_state_leads_to_the_end_and_an_engine_that_is_over_serves_no_more(
    state: EngineState,
) -> None:
    reached = {state}
    while following := {to for (at, _), to in TRANSITIONS.items() if at in reached} - reached:
        reached |= following
    assert EngineState.ENDED in reached
    assert state not in OVER or reached <= OVER


@pytest.mark.parametrize("state", EngineState)
def test_an_engine_that_does_not_serve_is_drained_already(state: EngineState) -> None:
    life = life_in(state)
    life.drain()
    serves = state is EngineState.SERVING
    assert life.state is (EngineState.DRAINING if serves else state)


def test_an_engine_that_was_lost_before_it_served_stays_lost() -> None:
    life = life_in(EngineState.READY)
    life.apply(EngineEvent.FAILED)
    life.serve()
    assert life.state is EngineState.LOST


@pytest.mark.parametrize("event", [EngineEvent.DRAINS, EngineEvent.FAILED])
async def test_the_end_of_serving_is_noticed(event: EngineEvent) -> None:
    life = life_in(EngineState.SERVING)
    waiting = asyncio.create_task(life.served())
    await asyncio.sleep(0)
    assert not waiting.done()
    life.apply(event)
    await waiting
