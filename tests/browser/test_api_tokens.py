"""API tokens on their page, with and without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.browsers import reading
from tests.browser.reader import Reader, Server


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_token_is_made_used_and_revoked(browser: Browser, server: Server, scripts: bool) -> None:
    with reading(browser, server, scripts=scripts) as reader:
        reader.sign_in()
        reader.page.click(".account summary")
        reader.page.get_by_role("link", name="API tokens").click()
        token = make(reader, "My <laptop>")
        assert status_of(reader, token) == 200
        expect(reader.page.get_by_label("Try it in a terminal")).to_have_value(
            f"curl -N {server.url}/api/v1/chat -H 'Authorization: Bearer {token}' "
            """-H 'Content-Type: application/json' -d '{"message": "Hello! What can you do?"}'"""
        )
        copy = reader.page.get_by_role("button", name="Copy")
        expect(copy).to_have_count(2 if scripts else 0)
        reader.page.reload()  # shows it no more, makes no second one, and asks nothing
        expect(reader.page.get_by_label("API token", exact=True)).to_have_count(0)
        row = reader.page.get_by_role("row", name="My <laptop>")
        expect(row).to_have_count(1)
        row.get_by_role("button", name="Revoke My <laptop>").click()
        expect(reader.page.get_by_role("status")).to_have_text("The token is revoked.")
        expect(row).to_have_count(0)
        assert status_of(reader, token) == 401


def test_the_page_fits_a_narrow_screen(browser: Browser, server: Server) -> None:
    with browser.new_context(viewport={"width": 320, "height": 640}) as context:
        reader = Reader(context, server)
        reader.sign_in()
        reader.visit("/tokens")
        make(reader, "W" * 128)
        for _ in range(2):
            assert reader.page.evaluate("document.documentElement.scrollWidth") == 320
            reader.visit("/tokens")
        reader.page.get_by_role("button", name="Revoke").first.click()


def make(reader: Reader, name: str) -> str:
    """Makes a token of that name on the page, and copies it."""
    reader.page.get_by_label("Name", exact=True).fill(name)
    reader.page.get_by_label("Ends after").select_option("7")
    reader.page.get_by_role("button", name="Make a token").click()
    shown = reader.page.get_by_label("API token", exact=True)
    expect(shown).to_be_focused()
    return shown.input_value()


def status_of(reader: Reader, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return reader.context.request.get(f"{reader.server.url}/api/v1/auth/ping", headers=headers).status
