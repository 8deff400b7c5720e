"""A headless Chromium driven over the WebDriver protocol, with nothing but Python's standard library."""

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

ENTER = "\ue007"
SPACE = " "
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def found():
    """Paths of browser and driver; none where one of the two is missing."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


class Browser:
    """One session; a context manager that ends it."""

    def __init__(self, browser, driver):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        self.driver = subprocess.Popen(
            [driver, f"--port={port}", "--log-level=OFF"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.session = None
        options = {
            "binary": browser,
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"],
        }
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}}, patience=60)
        self.session = answer["sessionId"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            if self.session:
                self.call("DELETE", f"/session/{self.session}")
        finally:
            self.driver.terminate()
            self.driver.wait(20)

    def call(self, method, path, body=None, patience=0):
        """One command; for so many seconds a driver that does not listen yet is asked again."""
        data = None if body is None else json.dumps(body).encode()
        end = time.monotonic() + patience
        while True:
            request = urllib.request.Request(
                self.base + path, data=data, method=method, headers={"Content-Type": "application/json"}
            )
            try:
                with urllib.request.urlopen(request, timeout=120) as answer:
                    return json.load(answer)["value"]
            except urllib.error.HTTPError as error:
                raise RuntimeError(error.read().decode()) from error
            except urllib.error.URLError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def do(self, path, body=None):
        return self.call("POST", f"/session/{self.session}{path}", {} if body is None else body)

    def open(self, url):
        self.do("/url", {"url": url})

    def run(self, script, *args):
        """The value of a function's body in the page."""
        return self.do("/execute/sync", {"script": script, "args": list(args)})

    def cdp(self, command, **parameters):
        return self.do("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def log(self, kind):
        return self.do("/se/log", {"type": kind})

    def click(self, element):
        self.do(f"/element/{element[ELEMENT]}/click")

    def press(self, element, key):
        self.do(f"/element/{element[ELEMENT]}/value", {"text": key})

    def emulate(self, width, height, scheme="light", media=""):
        """The size of the window, the wish for light or dark, and `print` for paper."""
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.cdp("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self):
        """The whole page as PNG."""
        size = self.run("return [document.documentElement.clientWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1}
        answer = self.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(answer["data"])

    def pdf(self):
        """The page as it is printed on A4."""
        return base64.b64decode(self.cdp("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)["data"])
