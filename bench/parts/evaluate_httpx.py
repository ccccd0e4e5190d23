"100 samples at concurrency 8 by bare httpx2, the last number compared: `evaluate_httpx.py ADDRESS FILE`."

import asyncio
import json
import re
import sys

import httpx2


async def main() -> None:
    with open(sys.argv[2], encoding="utf-8") as file:
        samples = [json.loads(line) for line in file]
    turns = asyncio.Semaphore(8)
    async with httpx2.AsyncClient(base_url=sys.argv[1], timeout=60) as client:

        async def right(sample: dict) -> bool:
            body = {"model": "stand-in", "messages": [{"role": "user", "content": sample["input"]}]}
            async with turns:
                response = await client.post("/chat/completions", json=body)
            response.raise_for_status()
            numbers = re.findall(r"\d+", response.json()["choices"][0]["message"]["content"])
            return bool(numbers) and numbers[-1] == sample["target"]

        scores = await asyncio.gather(*map(right, samples))
    print(json.dumps({"n": len(scores), "score": sum(scores) / len(scores)}))


asyncio.run(main())
