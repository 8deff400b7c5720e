#!/usr/bin/env python3
"""Opens the HTML report of the world model in a headless Chromium and holds it to what a page has to be.

    check.py DIAGNOSE [FOLDER]      the program; a folder for the page, its pictures and its print, where they are to be kept

Records are made by the program itself, from a rank-one edit that destroys the small model of fixtures/world. Exit 0 where all holds,
1 with every complaint, 3 where there is no Chromium.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import browser

HERE = pathlib.Path(__file__).resolve().parent
WORLD = HERE.parent.parent / "fixtures" / "world"
MODEL = WORLD / "model"

# The roles that have to have a name for those who do not see the page.
NAMED = {"button", "link", "image", "img", "region", "table", "navigation", "columnheader", "figure", "RootWebArea"}

complaints = []


def hold(claim, *found):
    if not claim:
        complaints.append(" ".join(str(part) for part in found))


def records(diagnose, folder):
    """A record of every command that has one, from one edit of the world model."""
    first = folder / "case.json"
    first.write_text(json.dumps(json.loads((WORLD / "cases.json").read_text())[:1]))
    basis = ["--contexts", WORLD / "contexts.json", "--moments", MODEL / "second_moment.safetensors"]
    edited = folder / "edited"
    runs = folder / "runs"
    runs.mkdir()

    def run(name, *args):
        command = [diagnose, *map(str, args)] + ([] if name is None else ["-o", str(runs / f"{name}.json")])
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}: {done.stderr}")
        return done.stdout

    edit = ["--hparams", WORLD / "hparams.json", "--case", first, "-o", edited, "--format", "json"]
    (runs / "edit.json").write_text(run(None, "edit", "--method", "rome", "--model", MODEL, *basis, *edit))
    run("deltas", "deltas", MODEL, edited)
    run("keys", "keys", "--model", MODEL, "--layer", 0, "--case", WORLD / "cases.json", "--projection", "pca", *basis)
    run("first-token", "first-token", "--model", MODEL, "--texts", WORLD / "texts.txt")
    run("trace", "trace", "--model", MODEL, "--case", first)
    run("perplexity", "perplexity", "--model", edited, "--baseline", MODEL, "--texts", WORLD / "texts.txt", "--per-text")
    tasks = WORLD / "tasks" / "choices.jsonl"
    run("evaluate", "evaluate", "--model", edited, "--baseline", MODEL, "--case", first, "--tasks", tasks)
    (runs / "foreign.json").write_text('{"of": "somebody else"}')
    page = folder / "report.html"
    run(None, "report", runs, "-o", page, "--title", "One edit of a small model")
    return page


def silent(session, url):
    """No error in the console, no request but for the page."""
    complaints_of_browser = [entry for entry in session.log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    hold(not complaints_of_browser, "console:", complaints_of_browser)
    messages = [json.loads(entry["message"])["message"] for entry in session.log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    others = [address for address in asked if address != url and not address.startswith(("data:", "chrome:", "about:"))]
    hold(url in asked, "the browser did not log the page's own request:", asked)
    hold(not others, "requests:", others)


def sorts(session):
    """Every table by its last column: by click, by Enter and by Space."""
    column = """
        const [table, column] = arguments;
        const t = document.querySelectorAll("table.sortable")[table];
        return [...t.tBodies[0].rows].map((row) => row.cells[column].dataset.key ?? null);
    """
    tables = session.run(
        "return [...document.querySelectorAll('table.sortable')].map((t) => [...t.tHead.rows[0].cells].map((c) => "
        "c.classList.contains('number') && !!c.querySelector('button')))"
    )
    tried = 0
    for table, numeric in enumerate(tables):
        if True not in numeric:
            continue
        at = len(numeric) - 1 - numeric[::-1].index(True)
        head = f"document.querySelectorAll('table.sortable')[{table}].tHead.rows[0].cells[{at}]"
        button = session.run(f"const b = {head}.querySelector('button'); b.scrollIntoView({{block: 'center', behavior: 'instant'}}); return b")
        for way, act in [
            ("ascending", lambda: session.click(button)),
            ("descending", lambda: session.press(button, browser.ENTER)),
            ("ascending", lambda: session.press(button, browser.SPACE)),
        ]:
            act()
            keys = session.run(column, table, at)
            numbers = [float(key) for key in keys if key is not None]
            hold(numbers == sorted(numbers, reverse=way == "descending"), "table", table, "is not", way, numbers[:8])
            hold(None not in keys[: len(numbers)], "table", table, "has gaps before numbers")
            said = session.run(f"return {head}.getAttribute('aria-sort')")
            hold(said == way, "table", table, "says", said, "and not", way)
            told = session.run("return document.getElementById('said').textContent")
            hold(way in told, "the sorting was not told:", told)
        tried += 1
    hold(tried >= 5, "only", tried, "tables could be sorted")


def named(session):
    """Every control, figure and region has a name."""
    session.cdp("Accessibility.enable")
    nodes = session.cdp("Accessibility.getFullAXTree")["nodes"]
    roles = {}
    for node in nodes:
        role = node.get("role", {}).get("value")
        if node.get("ignored") or role not in NAMED:
            continue
        name = node.get("name", {}).get("value", "").strip()
        roles[role] = roles.get(role, 0) + 1
        hold(name, "a", role, "without a name:", node.get("properties"))
    pictures = roles.get("image", 0) + roles.get("img", 0)
    hold(pictures >= 8, "only", pictures, "pictures:", roles)
    hold(roles.get("button", 0) >= 20, "only", roles.get("button"), "buttons")
    doubles = session.run(
        "const ids = [...document.querySelectorAll('[id]')].map((e) => e.id); return ids.filter((id, i) => ids.indexOf(id) !== i)"
    )
    hold(not doubles, "ids that stand twice:", doubles)
    lost = session.run(
        "return [...document.querySelectorAll('[aria-labelledby]')].flatMap((e) => e.getAttribute('aria-labelledby').split(' '))"
        ".filter((id) => !document.getElementById(id))"
    )
    hold(not lost, "names that lead nowhere:", lost)


def contrast(session, what):
    measured = session.run((HERE / "contrast.js").read_text())
    hold(measured["texts"] > 300, "only", measured["texts"], "texts were measured")
    for kind, text, ratio in measured["found"][:10]:
        hold(False, f"{what}: contrast {ratio} of {kind} {text!r}")


def narrow(session):
    """Nothing is wider than a phone but what scrolls by itself."""
    width = session.run("return document.documentElement.scrollWidth")
    hold(width <= 360, "the page is", width, "wide on a screen of 360")


def paper(session):
    found = session.run(
        "const style = (q, p) => { const e = document.querySelector(q); return e && getComputedStyle(e, p ?? null); };"
        "return [style('body').backgroundColor, style('.scroll').overflowX, style('th button', '::after').content]"
    )
    hold(found == ["rgb(255, 255, 255)", "visible", "none"], "on paper:", found)
    printed = session.pdf()
    hold(printed.startswith(b"%PDF-"), "no PDF")
    return printed


def main():
    there = browser.found()
    if not there:
        print("no chromium with chromedriver", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory() as scratch:
        kept = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else pathlib.Path(scratch)
        kept.mkdir(parents=True, exist_ok=True)
        page = records(sys.argv[1], pathlib.Path(scratch))
        hold(page.stat().st_size < 600_000, "the page has", page.stat().st_size, "bytes")
        (kept / "page.html").write_bytes(page.read_bytes())
        with browser.Browser(*there) as session:
            url = page.as_uri()
            session.emulate(1200, 900)
            session.open(url)
            session.run("for (const folded of document.querySelectorAll('details')) folded.open = true")
            contrast(session, "light")
            named(session)
            (kept / "light.png").write_bytes(session.screenshot())
            session.emulate(1200, 900, "dark")
            contrast(session, "dark")
            (kept / "dark.png").write_bytes(session.screenshot())
            session.emulate(360, 800)
            narrow(session)
            (kept / "phone.png").write_bytes(session.screenshot())
            session.emulate(1200, 900, "dark", "print")
            contrast(session, "paper")
            (kept / "paper.pdf").write_bytes(paper(session))
            session.emulate(1200, 900)
            sorts(session)
            silent(session, url)
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    if not complaints:
        print("the page holds: names, contrast in light, dark and on paper, 360 pixels, sorting, silence")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
