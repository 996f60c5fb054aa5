"""`kerasapp quickstart`: runs a task from raw files to a served answer, and shows each command."""

import base64
import json
import re
import shlex
import subprocess
import sys
import time
import urllib.request

from kerasapp import spec
from kerasapp.commands.arguments import Parser, number
from kerasapp.errors import ConfigError

EPILOG = """examples:
  kerasapp quickstart
  kerasapp quickstart translation
  kerasapp quickstart synthesis
  kerasapp quickstart series
  kerasapp quickstart generation --minutes 1
"""


def main(argv):
    stories = {task.name: task.quickstart for task in spec.specs() if task.quickstart}
    default = next(iter(stories))
    parser = Parser("quickstart", __doc__, EPILOG)
    parser.add_argument("task", nargs="?", default=default, choices=list(stories), help=f"default: {default}")
    words = "train for M minutes (default: a few minutes; series: the steps of its preset)"
    parser.add_argument("--minutes", type=number(float, 0.01, 10_000), metavar="M", help=words)
    args, _ = parser.parse(argv)
    name = f"quickstart-{args.task}"
    run, story = f"runs/{name}", stories[args.task]
    started = time.monotonic()
    minutes = story.minutes if args.minutes is None else args.minutes
    say(f"{args.task}: preset {story.preset}, its data are shipped with kerasapp")
    limit = [] if minutes is None else ["--training.minutes", f"{minutes:g}"]
    train = ["train", args.task, "--preset", story.preset, "--run", run, *limit]
    command(*train, "--training.overwrite", "true")
    command("evaluate", run)
    for answer in story.answers:
        command(*(word.format(run=run) for word in answer))
    command("export", run)
    serve_and_ask(name, story.request)
    say(f"done in {time.monotonic() - started:.0f} s; see the training with: tensorboard --logdir {run}/logs")
    return 0


def say(text):
    print(f"\n# {text}", flush=True)


def command(*words):
    """Shows a command and runs it; ends the quickstart where it fails."""
    print(f"\n$ kerasapp {shlex.join(words)}", flush=True)
    code = subprocess.run([sys.executable, "-m", "kerasapp", *words]).returncode
    if code == 130:
        raise KeyboardInterrupt
    if code:
        raise ConfigError(f"the quickstart stopped: kerasapp {words[0]} ended with exit code {code}")


def serve_and_ask(name, request):
    """Starts the server on a free port, asks it as `curl` would, and stops it."""
    print("\n$ kerasapp serve saved_models --rest-port 0", flush=True)
    words = [sys.executable, "-m", "kerasapp", "serve", "saved_models", "--rest-port", "0"]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline()
        print(line, end="")
        address = re.search(r"http://\S+", line)
        if address is None:
            raise ConfigError("the quickstart stopped: the server did not start")
        url = f"{address[0]}/v1/models/{name}:predict"
        body = json.dumps(request, ensure_ascii=False)
        print(f"\n$ curl -d {shlex.quote(body)} {url}", flush=True)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(urllib.request.Request(url, body.encode()), timeout=60) as response:
            print(shown(response.read().decode()))
    finally:
        server.terminate()
        server.wait()


def shown(answer):
    """A server's answer as it is printed: a WAV file in base64, which fills the screen, is shortened."""

    def shortened(match):
        return f"{match[0][:12]}... ({len(base64.b64decode(match[0])):,} bytes)"

    return re.sub(r'(?<="b64": ")[A-Za-z0-9+/]{80,}={0,2}', shortened, answer)
