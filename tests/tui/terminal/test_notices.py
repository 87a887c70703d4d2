"""One notice is shown at a time; none of them is lost."""

from __future__ import annotations

from tui.terminal.notices import FRESH, KEPT, Notices


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def shown(notices: Notices) -> str:
    return notices.shown.text if notices.shown else ""


def test_information_fades_and_an_error_stays() -> None:
    clock = Clock()
    notices = Notices(clock)
    notices.add("saved", "information", 5.0)
    clock.now += 4.9
    notices.expire()
    assert shown(notices) == "saved"
    clock.now += 0.2
    notices.expire()
    assert notices.shown is None
    notices.add("no room", "error", None)
    assert notices.seconds_left() is None
    clock.now += 1e6
    notices.expire()
    assert shown(notices) == "no room"


def test_each_of_several_problems_is_shown_for_its_whole_time() -> None:
    clock = Clock()
    notices = Notices(clock)
    for name in ("first", "second", "third"):
        notices.add(name, "warning", 5.0)
    seen = []
    while notices.shown:
        seen.append((shown(notices), notices.more, notices.seconds_left()))
        clock.now += 5.0
        notices.expire()
    assert seen == [("third", 2, 5.0), ("second", 1, 5.0), ("first", 0, 5.0)]


def test_the_same_text_shows_once_and_a_repeat_starts_its_time_again() -> None:
    clock = Clock()
    notices = Notices(clock)
    notices.add("nothing to save", "warning", 5.0)
    notices.add("other", "warning", 5.0)
    clock.now += 4.0
    notices.add("nothing to save", "warning", 5.0)
    assert (shown(notices), notices.more, notices.seconds_left()) == ("nothing to save", 1, 5.0)
    assert [(notice.text, notice.count) for notice in notices.log] == [("other", 1), ("nothing to save", 2)]


def test_a_notice_ends_with_its_cause_and_the_one_behind_has_its_whole_time() -> None:
    clock, causes = Clock(), {"a", "b"}
    notices = Notices(clock)
    for name in "ab":
        notices.add(name, "warning", 5.0, lambda name=name: name in causes)
    notices.add("other", "warning", 5.0)
    assert not notices.end_outdated()
    causes.remove("b")
    clock.now += 4.0
    assert notices.end_outdated()
    assert (shown(notices), notices.more) == ("other", 1)
    notices.expire()
    clock.now += 5.0
    notices.expire()
    assert (shown(notices), notices.seconds_left()) == ("a", 5.0)
    causes.clear()
    assert notices.end_outdated()
    assert notices.shown is None
    assert [notice.text for notice in notices.log] == ["a", "b", "other"]


def test_success_ends_earlier_notices_but_none_that_nobody_can_have_read() -> None:
    for succeed in (Notices.end_earlier, lambda notices: notices.add("saved", "information", 5.0)):
        clock = Clock()
        notices = Notices(clock)
        notices.add("old", "error", None)
        notices.add("old, too", "warning", 9.0)
        clock.now += FRESH + 0.1
        notices.add("fresh", "warning", 9.0)
        succeed(notices)
        assert [notice.text for notice, _ in notices._current if notice.text != "saved"] == ["fresh"]
        assert {notice.text for notice in notices.log} >= {"old", "old, too", "fresh"}


def test_a_second_try_ends_even_a_fresh_error() -> None:
    notices = Notices(Clock())
    notices.add("no room", "error", None)
    notices.end_earlier()
    assert notices.shown is None


def test_newer_information_replaces_the_one_before_and_returns_to_the_problem_behind() -> None:
    clock = Clock()
    notices = Notices(clock)
    notices.add("no room", "error", None)
    notices.add("saved 1", "information", 5.0)
    notices.add("saved 2", "information", 5.0)
    assert (shown(notices), notices.more) == ("saved 2", 1)
    clock.now += 5.0
    notices.expire()
    assert shown(notices) == "no room"


def test_dismissing_says_whether_something_would_have_stayed() -> None:
    notices = Notices(Clock())
    assert not notices.dismiss()
    notices.add("saved", "information", 5.0)
    assert not notices.dismiss()
    notices.add("no room", "error", None)
    notices.add("saved", "information", 5.0)
    assert notices.dismiss()
    assert notices.shown is None
    assert [notice.text for notice in notices.log] == ["no room", "saved"]


def test_the_log_is_bounded() -> None:
    notices = Notices(Clock())
    for number in range(KEPT + 10):
        notices.add(f"{number}", "information", 1.0)
    assert len(notices.log) == KEPT
    assert notices.log[-1].text == f"{KEPT + 9}"
