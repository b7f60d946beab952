"""The page of the API's description, in a browser that runs no scripts, on the narrowest of screens."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.browser.reader import Reader, Server


def test_the_page_fits_a_narrow_screen_and_its_index_leads_to_a_route(
    plain_reader: Reader, server: Server
) -> None:
    page = plain_reader.page
    page.set_viewport_size({"width": 320, "height": 800})
    page.goto(f"{server.url}/api/docs")
    page.get_by_role("navigation", name="Routes").get_by_role("link", name="POST /api/v1/chat").click()
    call = page.locator("#chat")
    expect(call).to_be_in_viewport()
    expect(call).to_contain_text("curl -N")
    call.locator("summary").click()
    expect(call).to_contain_text("TURN_RUNNING")


def test_nothing_is_wider_than_the_screen(browser: Browser, server: Server) -> None:
    with browser.new_context(viewport={"width": 320, "height": 800}) as context:
        page = context.new_page()
        page.goto(f"{server.url}/api/docs")
        assert page.evaluate("document.documentElement.scrollWidth") == 320
