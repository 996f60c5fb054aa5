"""KServe's REST client, protocol v1. argv: HOST:PORT of REST."""

import asyncio
import json
import sys

from kserve import InferenceRESTClient, RESTConfig


async def main(url):
    client = InferenceRESTClient(RESTConfig(protocol="v1", timeout=300))
    answer = await client.infer(url, data={"instances": [2, 4, 6]}, model_name="half")
    print(json.dumps({"y": answer["predictions"]}))


asyncio.run(main(f"http://{sys.argv[1]}"))
