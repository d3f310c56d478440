"""The page in headless Chromium: what a person does on it, and that nothing of a log runs in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from benchmarks.reportpage import VIEWS, Look, browser, check, chromium

from sessiontune.store import Store

from .conftest import ADDRESS, FILE, HOSTILE, LONG, Opened, World, running

pytestmark = pytest.mark.browser

if not chromium():
    pytest.skip("no Chromium on this machine (CHROMIUM names one)", allow_module_level=True)
pytest.importorskip("axe_playwright_python", reason="pip install axe-playwright-python")


@pytest.fixture(scope="module")
def window() -> Iterator[Any]:
    with browser() as found:
        yield found


@contextmanager
def _page(window: Any, url: str, but: str = "", **view: Any) -> Iterator[Any]:
    """The page, once it shows a thread. What it writes to the console is a fault, unless it begins
    with `but`."""
    context = window.new_context(viewport={"width": 1400, "height": 900}, **view)
    page = context.new_page()
    page.set_default_timeout(20_000)
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.goto(url)
    page.locator("article").first.wait_for()
    yield page
    context.close()
    assert [line for line in told if not but or not line.startswith(but)] == []


def _chosen(page: Any, title: str) -> None:
    """Wait until the thread with this title is chosen, and shown."""
    page.locator("[aria-selected=true] .title", has_text=title).wait_for()
    page.locator("main h2", has_text=title).wait_for()


def _said(page: Any, text: str) -> None:
    page.locator("#said", has_text=text).wait_for()


def _verdicts(world: World) -> dict[str, tuple[str, str]]:
    with Store(world.state, write=False) as store:
        return {key: (v.decision, v.note) for key, v in store.verdicts().items()}


def test_keys_go_through_keep_drop_and_take_back(world: World, opened: Opened, window: Any) -> None:
    with running(world, opened(world)) as server, _page(window, server.url) as page:
        press = page.keyboard.press
        _chosen(page, "Question 8")
        press("j")
        _chosen(page, "Question 7")
        press("k")
        _chosen(page, "Question 8")
        press("r")
        _chosen(page, "Question 7")
        press("a")
        _chosen(page, "Question 6")
        dropped, kept = world.thread("Question 8"), world.thread("Question 7")
        assert _verdicts(world) == {dropped: ("drop", ""), kept: ("keep", "")}
        press("u")
        _chosen(page, "Question 7")
        press("u")
        _chosen(page, "Question 8")
        assert _verdicts(world) == {}
        press("u")
        _said(page, "nothing to take back")
        press("e")
        page.locator("#note").fill("a trial")
        page.get_by_role("button", name="Drop", exact=True).click()
        _said(page, "Dropped: 1 thread")
        assert _verdicts(world) == {dropped: ("drop", "a trial")}


def test_a_window_decides_on_the_thread_that_stands_in_it(
    world: World, opened: Opened, window: Any
) -> None:
    """Also where a change is under way as its button is pressed: what was typed is not lost."""
    with running(world, opened(world)) as server, _page(window, server.url) as page:
        page.route("**/api/threads?*", lambda route: (time.sleep(0.5), route.continue_()))
        page.keyboard.press("r")
        _said(page, "Dropped: 1 thread")  # and the list is being asked for anew
        page.keyboard.press("e")
        page.locator("#note").fill("of no use")
        page.get_by_role("button", name="Keep", exact=True).click()
        _said(page, "Kept: 1 thread")
        assert _verdicts(world) == {world.thread("Question 8"): ("keep", "of no use")}


def test_words_lead_to_the_message_and_stay_in_the_address(
    world: World, opened: Opened, window: Any
) -> None:
    with running(world, opened(world)) as server, _page(window, server.url) as page:
        page.keyboard.press("/")
        page.keyboard.type('"step 70"')
        _chosen(page, "Step 0")
        found = page.locator("article.hit")
        page.get_by_role("button", name="Next of 2 hits").wait_for()  # of all that was typed
        found.get_by_text("Step 70 of the plan").wait_for()
        assert found.evaluate("e => e.getBoundingClientRect().top") > 0
        page.keyboard.press("Escape")
        assert page.locator("#q").input_value() == '"step 70"'
        page.keyboard.press("n")
        page.locator("article.hit", has_text="Done with step 70").wait_for()
        page.get_by_role("button", name="Earlier messages").click()
        page.get_by_text("Step 50 of the plan").wait_for()
        page.reload()
        page.locator("article.hit").wait_for()
        assert page.locator("#q").input_value() == '"step 70"'
        assert page.locator("#found").inner_text() == "1 thread"
        assert page.evaluate("location.hash") == f"#{world.thread('Step 70')}"
        lineage = next(m["lineage"] for m in world.lines() if "Step 70" in m["content"])
        page.get_by_role("button", name=lineage).click()
        page.locator("article.hit").wait_for(state="detached")
        assert page.locator("#q").input_value() == lineage
        _chosen(page, "Step 0")


#: Texts that are marked as what was looked for, and where the last one stands in the window.
_MARKED = "[...CSS.highlights.get('words')].map(String)"
_LAST = "[...CSS.highlights.get('words')].at(-1).getBoundingClientRect().top"


def _marked(page: Any, words: list[str]) -> None:
    page.wait_for_function(f"words => String({_MARKED}) === words", arg=",".join(words))


@pytest.mark.parametrize(
    ("asked", "marked"),
    [
        ('"LINE 1500 of"', ["line 1500 of"]),
        ('"row 1999"', ["row 1999"]),  # in the part that is not shown at first
        ("the very e", ["the", "very", "end"]),
        ("表示名", ["表示名"]),
        ("bash", ["Bash"]),
        ("Wríte", ["Write"]),
    ],
)
def test_what_was_looked_for_is_marked_and_in_sight(
    world: World, opened: Opened, window: Any, asked: str, marked: list[str]
) -> None:
    """Also in a message that is much higher than the window."""
    with running(world, opened(world)) as server, _page(window, server.url) as page:
        page.locator("#q").fill(asked)
        page.locator("article.hit").wait_for()
        _marked(page, marked)
        assert 60 < page.evaluate(_LAST) < 840
        assert page.locator("article mark:not(.private)").count() == 0  # the text stays whole
        page.locator("#q").fill("")
        page.locator("article.hit").wait_for(state="detached")
        _marked(page, [])


def test_a_long_text_leads_to_the_rarest_of_the_words(
    world: World, opened: Opened, window: Any
) -> None:
    with running(world, opened(world)) as server, _page(window, server.url) as page:
        page.locator("#q").fill("1203 line")
        page.locator("article.hit").wait_for()
        page.wait_for_function(f"{_MARKED}.includes('1203')")
        place = "[...CSS.highlights.get('words')].find(r => `${r}` === '1203')"
        assert 60 < page.evaluate(f"{place}.getBoundingClientRect().top") < 840


def test_all_that_match_are_judged_at_once(world: World, opened: Opened, window: Any) -> None:
    with running(world, opened(world)) as server, _page(window, server.url) as page:
        page.locator("#all").wait_for(state="hidden")  # never of everything there is
        page.locator("#q").fill("fee table")
        page.get_by_role("button", name="Drop all 7").click()
        page.get_by_role("button", name="Drop 7 threads").click()
        _said(page, "Dropped: 7 threads")
        assert len(_verdicts(world)) == 7
        page.locator("select[name=verdict]").select_option("none")
        page.get_by_text("No thread matches").wait_for()
        page.locator("#undo").click()
        _said(page, "Taken back: 7 threads")
        assert _verdicts(world) == {}
        page.locator("#found", has_text="7 threads").wait_for()


def test_texts_of_logs_are_texts(world: World, opened: Opened, window: Any) -> None:
    with running(world, opened(world)) as server, _page(window, server.url) as page:
        page.goto(f"{server.url.partition('?')[0]}#{world.thread('onerror')}")
        page.reload()
        page.locator("main h2", has_text="onerror").wait_for()
        shown = page.locator("article pre").first.text_content()
        assert shown == next(m["content"] for m in world.lines() if "onerror" in m["content"])
        assert "<script>" in shown
        assert HOSTILE[:40] in shown
        assert page.title() == "Review: data"
        private = page.locator("mark.private")
        assert private.get_attribute("title") == "replaced: e-mail"
        assert ADDRESS not in page.content()
        folded = page.locator("details", has_text="of a long result")
        assert not folded.evaluate("e => e.open")
        folded.locator("summary").click()
        page.get_by_role("button", name="more characters").click()
        page.get_by_text("line 1999 of a long result").wait_for()
        assert folded.locator("pre").text_content() == LONG
        command = page.locator("details", has_text="Bash")
        assert "command:\ncat log.txt\nwc -l log.txt\n" in (command.locator("pre").text_content())
        summary = command.locator("summary").text_content()
        assert summary.startswith("Bash command: cat log.txt · wc -l log.txt")
        page.keyboard.press("o")
        page.locator("article h3 + .from", has_text="odd.jsonl:1").wait_for()  # above a long text


def test_the_rest_of_long_arguments_is_shown(world: World, opened: Opened, window: Any) -> None:
    with running(world, opened(world)) as server, _page(window, server.url) as page:
        page.locator("#q").fill("表示名")
        _chosen(page, "料金表")
        written = page.locator("details", has_text="Write file_path: names.txt")
        written.locator("summary").click()
        assert "the very end" not in written.locator("pre").text_content()
        written.get_by_role("button", name="more characters").click()
        written.get_by_text("the very end").wait_for()
        assert FILE in written.locator("pre").text_content()


def test_a_key_that_is_held_or_meant_for_a_window_decides_nothing(
    world: World, opened: Opened, window: Any
) -> None:
    with running(world, opened(world)) as server, _page(window, server.url) as page:
        _chosen(page, "Question 8")
        _fast(page, "rujruj", repeat=True)
        _chosen(page, "Question 6")
        page.keyboard.press("?")
        page.locator("#keys h2").click()  # the focus leaves its button
        page.keyboard.press("r")
        page.keyboard.press("Escape")
        page.keyboard.press("k")
        _chosen(page, "Question 7")
        assert _verdicts(world) == {}


def test_keys_pressed_fast_judge_what_was_seen(world: World, opened: Opened, window: Any) -> None:
    """Before an answer: only the thread that was shown is dropped, once."""
    with running(world, opened(world)) as server, _page(window, server.url) as page:
        _chosen(page, "Question 8")
        _fast(page, "rrr")
        _said(page, "Dropped: 1 thread")
        _chosen(page, "Question 7")
        assert _verdicts(world) == {world.thread("Question 8"): ("drop", "")}
        _fast(page, "jjjr")  # the thread that was gone to is on its way
        _said(page, "Wait until a thread is shown")
        _chosen(page, "Question 4")
        _fast(page, "rkk")  # who went on meanwhile stays there
        page.locator(".row.drop", has_text="Question 4").wait_for()
        _chosen(page, "Question 6")
        dropped = {world.thread(f"Question {n}"): ("drop", "") for n in (8, 4)}
        assert _verdicts(world) == dropped
        page.keyboard.press("u")
        _chosen(page, "Question 4")


def _fast(page: Any, keys: str, repeat: bool = False) -> None:
    """Press these keys at once."""
    page.evaluate(
        "([keys, repeat]) => { for (const key of keys) document.body.dispatchEvent("
        "new KeyboardEvent('keydown', { key, repeat, bubbles: true })); }",
        [list(keys), repeat],
    )


def test_parts_of_a_thread_are_shown_once(world: World, opened: Opened, window: Any) -> None:
    with running(world, opened(world)) as server, _page(window, server.url) as page:
        page.locator("#q").fill('"step 70"')
        page.locator("article.hit", has_text="Step 70 of the plan").wait_for()
        page.get_by_role("button", name="Earlier messages").evaluate(
            "e => { e.click(); e.click(); }"
        )
        page.locator("#m-88").wait_for()
        page.get_by_role("button", name="Earlier messages").evaluate(
            "e => { e.click(); e.click(); }"
        )
        page.locator("#m-38").wait_for()
        numbers = page.locator("article").evaluate_all("all => all.map((e) => +e.id.slice(2))")
        assert numbers == list(range(38, 160))
        page.locator("#q").fill(
            "step"
        )  # a hit far from what is shown comes without what is between
        page.locator("article.hit", has_text="Step 0 of the plan").wait_for()
        assert page.locator("article").count() == 50


def test_reload_and_back_lead_to_the_same_thread(world: World, opened: Opened, window: Any) -> None:
    lines = world.lines()
    one = [m for m in lines if m["thread"] == world.thread("Question 5")]
    more = (m | {"thread": f"{n:016x}", "content": f"Number {n}"} for n in range(400) for m in one)
    world.raw.write_bytes(b"".join(orjson.dumps(m) + b"\n" for m in (*lines, *more)))
    with running(world, opened(world)) as server, _page(window, server.url) as page:
        page.locator("#list").evaluate("e => { e.scrollTop = e.scrollHeight; }")
        page.locator("#list .row", has_text="Number 390").click()
        _chosen(page, "Number 390")
        page.reload()
        _chosen(page, "Number 390")
        page.locator("#q").fill("Number 3")
        page.locator("#found", has_text="111 threads").wait_for()
        page.locator("#list").evaluate("e => { e.scrollTop = e.scrollHeight; }")
        page.locator("#list .row", has_text="Number 398").click()
        _chosen(page, "Number 398")
        page.locator("main dd button").click()  # its lineage
        page.locator("#found", has_text="401 threads").wait_for()
        _chosen(page, "Number 398")
        page.go_back()
        page.locator("#found", has_text="111 threads").wait_for()
        _chosen(page, "Number 398")
        assert page.locator("#q").input_value() == "Number 3"
        page.goto(page.url.partition("?")[0] + "?length=1&verdict=none")  # no name of a field
        page.locator("#found", has_text="410 threads").wait_for()


def test_a_list_that_moves_while_a_button_is_down_takes_the_click(
    world: World, opened: Opened, window: Any
) -> None:
    rows = (world.lines()[0] | {"thread": f"{n:016x}", "content": f"Number {n}"} for n in range(90))
    world.raw.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    with running(world, opened(world)) as server, _page(window, server.url) as page:
        page.locator("#list .row").nth(3).hover()
        title = page.locator("#list .row").nth(3).locator(".title").inner_text()
        page.mouse.down()
        page.locator("#list").evaluate(
            "e => new Promise(done => { e.scrollTop += 9; e.onscroll = () => setTimeout(done); })"
        )
        page.mouse.up()
        _chosen(page, title)


def test_a_list_of_a_server_that_has_gone_says_so(
    world: World, opened: Opened, window: Any
) -> None:
    rows = (world.lines()[0] | {"thread": f"{n:016x}"} for n in range(1000))
    world.raw.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    with (
        running(world, opened(world)) as server,
        _page(window, server.url, but="Failed to load resource") as page,
    ):
        page.route("**/api/**", lambda route: route.abort())
        page.locator("#list").evaluate("e => { e.scrollTop = e.scrollHeight; }")
        _said(page, "does not answer")
        page.unroute_all()
        page.locator("#list").evaluate("e => { e.scrollTop -= 1; }")
        page.locator("#list #row-999 .title").wait_for()


def test_the_focus_stays_in_the_thread(world: World, opened: Opened, window: Any) -> None:
    """A button that is pressed there goes with its thread."""
    with running(world, opened(world)) as server, _page(window, server.url) as page:
        _chosen(page, "Question 8")
        page.get_by_role("button", name="Keep ( a )").press("Enter")
        _chosen(page, "Question 7")
        assert page.evaluate("document.activeElement.id") == "thread"


def test_in_little_room_the_page_scrolls(world: World, opened: Opened, window: Any) -> None:
    """Half of 1280 by 720: letters twice as large."""
    with running(world, opened(world)) as server, _page(window, server.url) as page:
        page.set_viewport_size({"width": 640, "height": 360})
        assert page.locator("main").bounding_box()["height"] > 200
        page.get_by_role("button", name="Drop ( r )").click()
        _said(page, "Dropped: 1 thread")
        said = page.locator("#said").bounding_box()
        assert 0 < said["y"] < 360


def test_a_second_window_learns_what_the_first_one_did(
    world: World, opened: Opened, window: Any
) -> None:
    with running(world, opened(world)) as server, _page(window, server.url) as page:
        other = page.context.new_page()
        other.goto(server.url.partition("?")[0])
        _chosen(other, "Question 8")
        page.keyboard.press("r")
        _chosen(page, "Question 7")
        assert other.locator(".row.drop").count() == 0
        other.keyboard.press("j")
        _chosen(other, "Question 7")
        other.locator("#next", has_text="1 dropped").wait_for()
        other.keyboard.press("k")
        _chosen(other, "Question 8")
        other.locator(".row.drop", has_text="Question 8").wait_for()
        other.keyboard.press("u")
        _said(other, "Taken back: 1 thread")
        assert _verdicts(world) == {}


def test_an_export_beside_it_is_told(world: World, opened: Opened, window: Any) -> None:
    """What was opened is shown until the end, and what is said of it stays true."""
    with running(world, opened(world)) as server, _page(window, server.url) as page:
        page.keyboard.press("r")
        _chosen(page, "Question 7")
        assert "made anew" not in page.locator("#next").inner_text()
        world.export()
        page.keyboard.press("k")
        _chosen(page, "Question 8")
        page.locator("#next", has_text="The export was made anew since").wait_for()
        page.get_by_text("Answer 8").wait_for()
        assert "Answer 8" not in world.raw.read_text()
        page.keyboard.press("u")
        _said(page, "Taken back: 1 thread")


def test_a_name_from_right_to_left_turns_nothing_beside_it(
    world: World, opened: Opened, window: Any
) -> None:
    rows = [m | {"project": "\u202emirror"} for m in world.lines()]
    world.raw.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    letters = "([...r.querySelector('.facts').firstChild.data].lastIndexOf('2'))"
    left = (
        f"r => {{ const text = r.querySelector('.facts').firstChild, at = {letters};"
        " const range = new Range(); range.setStart(text, at); range.setEnd(text, at + 1);"
        " const two = range.getBoundingClientRect().left;"
        " range.setStart(text, text.length - 1); range.setEnd(text, text.length);"
        " return two < range.getBoundingClientRect().left; }"
    )
    with running(world, opened(world)) as server, _page(window, server.url) as page:
        assert page.locator("#row-0").evaluate(left)  # "2 messages", not "segassem 2"


def test_the_list_is_gone_through_by_keys(world: World, opened: Opened, window: Any) -> None:
    with running(world, opened(world)) as server, _page(window, server.url) as page:
        page.locator("#list").focus()
        for key, at in (("End", 9), ("ArrowUp", 8), ("Home", 0), ("ArrowDown", 1)):
            page.keyboard.press(key)
            active = page.locator("#list").get_attribute("aria-activedescendant")
            assert active == f"row-{at}"
            assert page.locator(f"#row-{at}").get_attribute("aria-selected") == "true"
        page.locator("#q").focus()
        page.keyboard.press("End")  # of the words
        assert page.locator("#row-1").get_attribute("aria-selected") == "true"


def test_a_state_that_does_not_know_the_export_keeps_no_verdict(
    world: World, opened: Opened, window: Any
) -> None:
    other = world.folder / "other"
    with running(world, opened(world), other) as server, _page(window, server.url) as page:
        _said(page, "look, but no verdict can be kept")
        assert page.get_by_role("button", name="Drop ( r )").is_disabled()
        page.locator("#q").fill("fee table")
        page.locator("#found", has_text="7 threads").wait_for()
        assert page.locator("#all").is_hidden()
    assert not other.exists()


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_it_is_readable_and_accessible(
    world: World, opened: Opened, window: Any, width: int, scheme: str
) -> None:
    with (
        running(world, opened(world)) as server,
        _page(window, server.url, color_scheme=scheme) as page,
    ):
        page.set_viewport_size({"width": width, "height": 900})
        assert check(page, Look(width, scheme, 0)).faults == []
        page.locator("#q").fill("invoice_status")
        page.locator("article.hit").wait_for()
        assert check(page, Look(width, scheme, 0)).faults == []
        page.locator("#help").click()
        assert check(page, Look(width, scheme, 0)).faults == []


def test_only_rows_in_sight_are_elements(world: World, opened: Opened, window: Any) -> None:
    """Of 20,000 threads some twenty are drawn, wherever one scrolls."""
    lines = world.lines()[:2]
    rows = (
        m | {"thread": f"{n:016x}", "content": f"Number {n}"} for n in range(20_000) for m in lines
    )
    world.raw.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    with running(world, opened(world)) as server, _page(window, server.url) as page:
        assert page.locator("#found").inner_text() == "20,000 threads"
        rows_drawn = page.locator("#list .row")
        assert 5 < rows_drawn.count() < 60
        page.locator("#list").evaluate("e => { e.scrollTop = e.scrollHeight; }")
        page.locator("#list .title", has_text="Number 19999").wait_for()
        assert rows_drawn.count() < 60


def test_the_command_serves_until_it_is_interrupted(world: World, window: Any) -> None:
    given = ("review", str(world.folder / "data"), "--state", str(world.state), "--port", "0")
    program = [sys.executable, "-m", "sessiontune", "--json", *given]
    quiet = {**os.environ, "TMPDIR": str(world.folder)}
    with subprocess.Popen(program, stdout=subprocess.PIPE, env=quiet) as running_one:
        assert running_one.stdout is not None
        url = orjson.loads(running_one.stdout.readline())["url"]
        with _page(window, url, but="Failed to load resource") as page:
            _chosen(page, "Question 8")
            page.keyboard.press("r")
            _chosen(page, "Question 7")
            running_one.send_signal(signal.SIGINT)
            assert running_one.wait(20) == 0
            page.keyboard.press("r")
            _said(page, "does not answer")
    assert _verdicts(world) == {world.thread("Question 8"): ("drop", "")}
