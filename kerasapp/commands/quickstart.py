"""`kerasapp quickstart`: a task from raw files to a served answer, by the commands that you would type."""

import json
import re
import shlex
import subprocess
import sys
import time
import urllib.request

from kerasapp.commands.arguments import Parser, number
from kerasapp.config.registry import TASKS, default_preset
from kerasapp.errors import ConfigError

EPILOG = """examples:
  kerasapp quickstart
  kerasapp quickstart generation --minutes 1
"""


def main(argv):
    parser = Parser("quickstart", __doc__, EPILOG)
    parser.add_argument(
        "task", nargs="?", default="generation", choices=list(TASKS), help="default: generation"
    )
    parser.add_argument(
        "--minutes",
        type=number(float, 0.01, 10_000, "a number of minutes"),
        metavar="M",
        help="train for M minutes instead of the preset's",
    )
    args, _ = parser.parse(argv)
    name = f"quickstart-{args.task}"
    run = f"runs/{name}"
    started = time.monotonic()
    limit = ["--training.minutes", f"{args.minutes:g}"] if args.minutes is not None else []
    say(f"{args.task}: preset {default_preset(args.task)}, its data are shipped with kerasapp")
    train = ["train", args.task, "--preset", default_preset(args.task), "--run", run, *limit]
    command(*train, "--training.overwrite", "true")
    command("evaluate", run)
    for answer in ANSWERS[args.task]:
        command(answer[0], run, *answer[1:])
    command("export", run)
    serve_and_ask(name, REQUESTS[args.task])
    say(f"done in {time.monotonic() - started:.0f} s; see the training with: tensorboard --logdir {run}/logs")
    return 0


ANSWERS = {"generation": [["generate", "--prompt", "ROMEO:", "--length", "300"]]}
REQUESTS = {"generation": {"instances": ["ROMEO:", "JULIET:"]}}


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
        body = json.dumps(request)
        print(f"\n$ curl -d {shlex.quote(body)} {url}", flush=True)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(urllib.request.Request(url, body.encode()), timeout=60) as response:
            print(response.read().decode())
    finally:
        server.terminate()
        server.wait()
