"""Which frames wait, which are lost and which are sent again."""

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.age import FrameAge
from edgeseg_client.frame_encoder import PendingFrame
from edgeseg_client.in_flight import InFlight, SendWindow


def frame(key: int) -> PendingFrame:
    request = pb.SegmentRequest()
    return PendingFrame(
        key=key, frame_id=key, received_at=0.0, age=FrameAge(), request=request, error=""
    )


def filled(*, newest_only: bool, sent: int, waiting: int) -> InFlight:
    in_flight = InFlight(newest_only=newest_only)
    for key in range(sent):
        in_flight.add(frame(key))
        in_flight.next_unsent()
    for key in range(sent, sent + waiting):
        in_flight.add(frame(key))
    return in_flight


def unsent(in_flight: InFlight) -> list[int]:
    keys = []
    while (pending := in_flight.next_unsent()) is not None:
        keys.append(pending.key)
    return keys


def test_with_every_frames_wait_in_their_order() -> None:
    in_flight = filled(newest_only=False, sent=0, waiting=4)

    assert unsent(in_flight) == [0, 1, 2, 3]
    assert len(in_flight) == 4


def test_with_latest_only_the_newest_frame_waits() -> None:
    in_flight = filled(newest_only=True, sent=2, waiting=1)

    superseded = in_flight.add(frame(3))
    assert superseded is not None
    assert superseded.key == 2
    assert unsent(in_flight) == [3]
    assert len(in_flight) == 3


def test_the_answer_to_a_frame_counts_once() -> None:
    in_flight = filled(newest_only=False, sent=1, waiting=1)

    answered = in_flight.pop_answered(0)
    assert answered is not None
    assert in_flight.pop_answered(0) is None
    assert in_flight.pop_answered(1) is None
    assert len(in_flight) == 1


def test_with_every_the_frames_of_a_lost_connection_are_sent_again_first() -> None:
    in_flight = filled(newest_only=False, sent=3, waiting=2)
    in_flight.pop_answered(1)

    assert in_flight.connection_lost() == []
    assert unsent(in_flight) == [0, 2, 3, 4]


def test_with_latest_the_frames_of_a_lost_connection_are_not_sent_again() -> None:
    in_flight = filled(newest_only=True, sent=3, waiting=1)

    assert [pending.key for pending in in_flight.connection_lost()] == [0, 1, 2]
    assert unsent(in_flight) == [3]
    assert len(in_flight) == 1


def test_a_connection_that_breaks_before_its_first_answer_halves_what_is_sent_at_once() -> None:
    window = SendWindow(8)
    sizes = [window.size]
    for sent in (8, 4, 2, 1, 1):
        window.on_connection_lost(sent)
        sizes.append(window.size)
    assert sizes == [8, 4, 2, 1, 1, 1]


def test_each_answer_lets_one_more_frame_be_sent_up_to_all() -> None:
    window = SendWindow(3)
    window.on_connection_lost(3)
    sizes = []
    for _ in range(4):
        window.on_answer()
        sizes.append(window.size)
    assert sizes == [2, 3, 3, 3]


def test_a_connection_that_breaks_after_an_answer_or_before_any_frame_changes_nothing() -> None:
    window = SendWindow(8)
    window.on_connection_lost(0)
    window.on_answer()
    window.on_connection_lost(8)
    assert window.size == 8
    window.on_connection_lost(8)
    assert window.size == 4, "the next one had no answer"
