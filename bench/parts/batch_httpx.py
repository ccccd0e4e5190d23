"100 prompts at concurrency 8 by bare httpx2: `batch_httpx.py ADDRESS`."

import asyncio
import sys

import httpx2


async def main() -> None:
    turns = asyncio.Semaphore(8)
    async with httpx2.AsyncClient(base_url=sys.argv[1], timeout=60) as client:

        async def ask(prompt: str) -> str:
            body = {"model": "stand-in", "messages": [{"role": "user", "content": prompt}]}
            async with turns:
                response = await client.post("/chat/completions", json=body)
            response.raise_for_status()
            return response.json()["choices"][0]["message"]["content"]

        answers = await asyncio.gather(*(ask(f"Question {n}") for n in range(100)))
    assert len(answers) == 100 and all(answer.startswith("The answer") for answer in answers)


asyncio.run(main())
