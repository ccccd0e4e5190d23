"100 prompts at concurrency 8 by the openai client: `batch_openai.py ADDRESS`."

import asyncio
import sys

from openai import AsyncOpenAI


async def main() -> None:
    turns = asyncio.Semaphore(8)
    async with AsyncOpenAI(base_url=sys.argv[1], api_key="none") as client:

        async def ask(prompt: str) -> str:
            async with turns:
                answer = await client.chat.completions.create(
                    model="stand-in", messages=[{"role": "user", "content": prompt}]
                )
            return answer.choices[0].message.content

        answers = await asyncio.gather(*(ask(f"Question {n}") for n in range(100)))
    assert len(answers) == 100 and all(answer.startswith("The answer") for answer in answers)


asyncio.run(main())
