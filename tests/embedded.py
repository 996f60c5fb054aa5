"""The embedded server on free ports of this machine, for as long as a block lasts."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import uvicorn
from waiting import PATIENCE

from kerasapp.serving.engine import Engine, Limits
from kerasapp.serving.models.model_config import find_models
from kerasapp.serving.models.registry import Registry
from kerasapp.serving.page import routes as page
from kerasapp.serving.rest import streaming
from kerasapp.serving.rest.app import create_app
from kerasapp.serving.rest.connection import Connection
from kerasapp.serving.rpc.server import RpcServer


@contextmanager
def serving(folder):
    """Serves the models of a folder; gives a dict of addresses, "rest" and "grpc"."""
    registry = Registry(find_models(folder))
    registry.update()
    engine = Engine(registry, limits=Limits(timeout=PATIENCE))
    rpc = RpcServer(engine, "127.0.0.1", 0)
    rpc.start()
    with ThreadPoolExecutor(8) as executor, socket.create_server(("127.0.0.1", 0)) as listener:
        routes = [*streaming.routes(engine, executor), *page.routes(engine)]
        app = create_app(engine, executor, routes=routes)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", http=Connection))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield {
                "rest": f"127.0.0.1:{listener.getsockname()[1]}",
                "grpc": f"grpc://127.0.0.1:{rpc.port}",
            }
        finally:
            server.should_exit = True
            thread.join()
            rpc.stop()
